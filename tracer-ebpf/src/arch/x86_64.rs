//! x86-64: `struct pt_regs` (arch/x86/include/asm/ptrace.h) and `syscall_64.tbl`.

use tracer_ebpf::Kind;

/// Bytes of `struct pt_regs`, which ends at the top of the kernel stack.
pub(crate) const PT_REGS_SIZE: u64 = 168;

/// The user registers as the kernel saved them at entry.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct SavedRegisters {
    _r15_to_r12: [u64; 4],
    bp: u64,
    _bx_r11: [u64; 2],
    r10: u64,
    r9: u64,
    r8: u64,
    _ax_cx: [u64; 2],
    dx: u64,
    si: u64,
    di: u64,
    orig_ax: u64,
    ip: u64,
    _cs_flags: [u64; 2],
    sp: u64,
    _ss: u64,
}

const _: () = assert!(size_of::<SavedRegisters>() as u64 == PT_REGS_SIZE);

impl SavedRegisters {
    pub(crate) const fn ip(&self) -> u64 {
        self.ip
    }

    pub(crate) const fn sp(&self) -> u64 {
        self.sp
    }

    pub(crate) const fn fp(&self) -> u64 {
        self.bp
    }

    pub(crate) const fn call_number(&self) -> u64 {
        self.orig_ax
    }

    pub(crate) const fn call_args(&self) -> [u64; 6] {
        [self.di, self.si, self.dx, self.r10, self.r8, self.r9]
    }
}

/// Number and kind of each call of interest.
pub(crate) const CALLS: &[(usize, Kind)] = &[
    (3, Kind::CLOSE),
    (9, Kind::MMAP),
    (10, Kind::MPROTECT),
    (11, Kind::MUNMAP),
    (12, Kind::BRK),
    (25, Kind::MREMAP),
    (28, Kind::MADVISE),
    (32, Kind::DUP),
    (33, Kind::DUP2),
    (41, Kind::SOCKET),
    (42, Kind::CONNECT),
    (43, Kind::ACCEPT),
    (288, Kind::ACCEPT4),
    (292, Kind::DUP3),
    (436, Kind::CLOSE_RANGE),
    (440, Kind::PROCESS_MADVISE),
];
