//! x86-64: `struct pt_regs` (arch/x86/include/asm/ptrace.h) and `syscall_64.tbl`.

use tracer_ebpf::Kind;

use super::SignalFrame;

/// Bytes of `struct pt_regs`, which ends at the top of the kernel stack.
pub(crate) const PT_REGS_SIZE: u64 = 168;

/// The user registers as the kernel saved them at entry.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct SavedRegisters {
    _r15_to_r12: [u64; 4],
    bp: u64,
    bx: u64,
    _r11: u64,
    r10: u64,
    r9: u64,
    r8: u64,
    ax: u64,
    _cx: u64,
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

/// `struct rt_sigframe` (arch/x86/include/asm/sigframe.h), with its `struct ucontext`.
pub(crate) const SIGNAL_FRAME: Option<SignalFrame> = Some(SignalFrame {
    link: 16,
    stack: 24,
    stack_size: 40,
    fp: 128,
    ip: 176,
});

impl SavedRegisters {
    /// The registers at `saved`, a pointer that the verifier knows to be one to `struct pt_regs`:
    /// what is read there needs no helper, and what is not used is not read.
    #[inline(always)]
    pub(crate) fn peek(saved: *const Self) -> Self {
        Self {
            _r15_to_r12: [0; 4],
            bp: peek!(saved, bp),
            bx: peek!(saved, bx),
            _r11: 0,
            r10: peek!(saved, r10),
            r9: peek!(saved, r9),
            r8: peek!(saved, r8),
            ax: peek!(saved, ax),
            _cx: 0,
            dx: peek!(saved, dx),
            si: peek!(saved, si),
            di: peek!(saved, di),
            orig_ax: peek!(saved, orig_ax),
            ip: peek!(saved, ip),
            _cs_flags: [0; 2],
            sp: peek!(saved, sp),
            _ss: 0,
        }
    }

    pub(crate) const fn ip(&self) -> u64 {
        self.ip
    }

    pub(crate) const fn sp(&self) -> u64 {
        self.sp
    }

    pub(crate) const fn fp(&self) -> u64 {
        self.bp
    }

    /// Where a Go function returns its first word, from Go 1.17 on.
    pub(crate) const fn first_result(&self) -> u64 {
        self.ax
    }

    /// Where a Go function has its second argument, from Go 1.17 on.
    pub(crate) const fn second_argument(&self) -> u64 {
        self.bx
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
    (53, Kind::SOCKETPAIR),
    (55, Kind::GETSOCKOPT),
    (72, Kind::FCNTL),
    (288, Kind::ACCEPT4),
    (292, Kind::DUP3),
    (436, Kind::CLOSE_RANGE),
    (440, Kind::PROCESS_MADVISE),
];

/// Whether these eight bytes of code end in a call: E8 and four bytes, or FF and one to six.
///
/// All at once, since each branch would be two ways to verify: a byte is zero where it is an opcode
/// of a call that ends there.
#[inline(always)]
pub(crate) const fn ends_in_call(code: u64) -> bool {
    let bytes = (code ^ 0x00ff_ffff_e8ff_ff00) | 0xff00_0000_0000_00ff;
    bytes.wrapping_sub(0x0101_0101_0101_0101) & !bytes & 0x8080_8080_8080_8080 != 0
}
