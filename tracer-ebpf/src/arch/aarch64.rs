//! arm64: `struct pt_regs` (arch/arm64/include/asm/ptrace.h) and `asm-generic/unistd.h`.

use tracer_ebpf::Kind;

use super::SignalFrame;

/// Bytes of `struct pt_regs` up to `syscallno`; kernels before 5.15 are not read this way.
pub(crate) const PT_REGS_SIZE: u64 = 288;

/// The user registers as the kernel saved them at entry.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct SavedRegisters {
    x: [u64; 31],
    sp: u64,
    pc: u64,
    _pstate: u64,
    orig_x0: u64,
    syscall: u32,
    _padding: u32,
}

const _: () = assert!(size_of::<SavedRegisters>() as u64 == PT_REGS_SIZE);

/// The kernel links its frame into the chain, which leaves out the interrupted function only.
pub(crate) const SIGNAL_FRAME: Option<SignalFrame> = None;

impl SavedRegisters {
    /// The registers at `saved`, a pointer that the verifier knows to be one to `struct pt_regs`:
    /// what is read there needs no helper, and what is not used is not read.
    #[inline(always)]
    pub(crate) fn peek(saved: *const Self) -> Self {
        let mut x = [0; 31];
        x[1] = peek!(saved, x[1]);
        x[2] = peek!(saved, x[2]);
        x[3] = peek!(saved, x[3]);
        x[4] = peek!(saved, x[4]);
        x[5] = peek!(saved, x[5]);
        x[29] = peek!(saved, x[29]);
        Self {
            x,
            sp: peek!(saved, sp),
            pc: peek!(saved, pc),
            _pstate: 0,
            orig_x0: peek!(saved, orig_x0),
            syscall: peek!(saved, syscall),
            _padding: 0,
        }
    }

    pub(crate) const fn ip(&self) -> u64 {
        self.pc
    }

    pub(crate) const fn sp(&self) -> u64 {
        self.sp
    }

    pub(crate) const fn fp(&self) -> u64 {
        self.x[29]
    }

    /// Where a Go function returns its first word, from Go 1.18 on.
    pub(crate) const fn first_result(&self) -> u64 {
        self.x[0]
    }

    /// Where a Go function has its second argument, from Go 1.18 on.
    pub(crate) const fn second_argument(&self) -> u64 {
        self.x[1]
    }

    pub(crate) const fn call_number(&self) -> u64 {
        self.syscall as u64
    }

    // The result has replaced x0 by the time the call returns.
    pub(crate) const fn call_args(&self) -> [u64; 6] {
        [
            self.orig_x0,
            self.x[1],
            self.x[2],
            self.x[3],
            self.x[4],
            self.x[5],
        ]
    }
}

/// Number and kind of each call of interest.
pub(crate) const CALLS: &[(usize, Kind)] = &[
    (23, Kind::DUP),
    (24, Kind::DUP3),
    (25, Kind::FCNTL),
    (57, Kind::CLOSE),
    (198, Kind::SOCKET),
    (199, Kind::SOCKETPAIR),
    (202, Kind::ACCEPT),
    (203, Kind::CONNECT),
    (209, Kind::GETSOCKOPT),
    (214, Kind::BRK),
    (215, Kind::MUNMAP),
    (216, Kind::MREMAP),
    (222, Kind::MMAP),
    (226, Kind::MPROTECT),
    (233, Kind::MADVISE),
    (242, Kind::ACCEPT4),
    (436, Kind::CLOSE_RANGE),
    (440, Kind::PROCESS_MADVISE),
];

/// Whether these eight bytes of code end in a call: `BL` or `BLR`.
#[inline(always)]
pub(crate) const fn ends_in_call(code: u64) -> bool {
    let instruction = code >> 32;
    instruction >> 26 == 0x25 || instruction & 0xffff_fc1f == 0xd63f_0000
}
