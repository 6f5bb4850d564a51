//! What user space tells the kernel side about a traced process.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Addresses of code, `start` included, `end` not. Empty when unknown.
#[derive(Clone, Copy, Debug, Default, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct CodeRange {
    /// First address.
    pub start: u64,
    /// First address after it.
    pub end: u64,
}

impl CodeRange {
    /// Whether `address` lies in the range.
    #[must_use]
    pub const fn contains(&self, address: u64) -> bool {
        self.start <= address && address < self.end
    }
}

/// A traced process. All zero: a process without Go knowledge.
#[derive(Clone, Copy, Debug, Default, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct Target {
    /// The executable's code, as mapped.
    pub text: CodeRange,
    /// From the first to the last byte of all other code.
    pub libraries: CodeRange,
    /// `runtime.goexit`: a stack that ends here is complete.
    pub goexit: CodeRange,
    /// `runtime.systemstack_switch`: `g.sched.pc` of a goroutine that went to the system stack.
    pub systemstack_switch: CodeRange,
    /// `runtime.morestack`: the goroutine's own frames are in `g.sched`.
    pub morestack: CodeRange,
    /// Where the thread keeps its g, relative to `fsbase`; 0 when it is not a Go program.
    pub g_offset: i64,
    /// Offset of `gsignal` in `runtime.m`.
    pub m_gsignal: u32,
    /// Offset of `curg` in `runtime.m`.
    pub m_curg: u32,
    /// Offset of `sched.bp` in `runtime.g`.
    pub g_sched_bp: u32,
    /// 1: `systemstack` leaves no frame, its caller is at `*(sched.sp)` (Go ≤ 1.20). Else 0.
    pub switch_hides_caller: u32,
    /// Counts the programs the process has run, so that equal addresses of different programs
    /// never share a stack.
    pub epoch: u32,
    /// Always 0.
    pub reserved: u32,
}

const _: () = assert!(size_of::<Target>() == 112);
