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

/// The functions of Go's runtime behind whose frames a walk does not just go on. Empty when unknown.
///
/// All are assembly, and stand near each other.
#[derive(Clone, Copy, Debug, Default, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct Landmarks {
    /// From the first to the last byte of all the others.
    pub all: CodeRange,
    /// `morestack`: the growing function and its caller are found in `g.sched` alone.
    pub morestack: CodeRange,
    /// `mcall`: up to Go 1.24 the frames behind it are those of a goroutine that may run elsewhere
    /// by now.
    pub mcall: CodeRange,
    /// `systemstack`, where it hides its caller (Go ≤ 1.20); else empty.
    pub systemstack: CodeRange,
    /// `cgocallback`: what called C stands further up on the same stack.
    pub callback: CodeRange,
    /// `sigtramp`: what the signal interrupted stands in the frame that the kernel made.
    pub sigtramp: CodeRange,
    /// `asyncPreempt`: as `sigpanic`.
    pub preempt: CodeRange,
}

/// What of a target changes while it is traced: one word, so that none of it is ever seen alone.
#[derive(
    Clone, Copy, Debug, Default, Eq, FromBytes, Immutable, IntoBytes, KnownLayout, PartialEq,
)]
#[repr(C, align(8))]
pub struct Armed {
    /// Another number each time that user space tells something; 0: not traced.
    pub version: u32,
    /// Counts the programs the process has run, so that equal addresses of different programs
    /// never share a stack.
    pub epoch: u32,
}

/// A traced process. All zero: a process without Go knowledge.
#[derive(Clone, Copy, Debug, Default, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct Target {
    /// The executable's code, as mapped.
    pub text: CodeRange,
    /// From the first to the last byte of all other code.
    pub libraries: CodeRange,
    /// Code whose addresses are taken for return addresses unseen: Go's, in a Go program.
    pub trusted: CodeRange,
    /// The part of `trusted` behind all places where a walk does more than go on: most of Go's code.
    pub ordinary: CodeRange,
    /// `runtime.goexit`: a stack that ends here is complete.
    pub goexit: CodeRange,
    /// `runtime.systemstack`: the chain may go down to another stack behind it.
    pub systemstack: CodeRange,
    /// `runtime.systemstack_switch`: `g.sched.pc` of a goroutine that went to the system stack.
    pub systemstack_switch: CodeRange,
    /// `runtime.asmcgocall`, which up to Go 1.15 stands there itself.
    pub asmcgocall: CodeRange,
    /// `runtime.cgocall`, through which Go calls C.
    pub cgocall: CodeRange,
    /// `runtime.sigpanic`, called in the name of a function that did not call: behind it stands the
    /// instruction itself, and no return address.
    pub sigpanic: CodeRange,
    /// Where a walk has to look around.
    pub landmarks: Landmarks,
    /// Where the thread keeps its g, relative to `fsbase`; 0 when it is not a Go program.
    pub g_offset: i64,
    /// Offset of `curg` in `runtime.m`.
    pub m_curg: u32,
    /// Offset of `sched.bp` in `runtime.g`.
    pub g_sched_bp: u32,
    /// Offset of `goid` in `runtime.g`; 0 when unknown.
    pub g_goid: u32,
    /// Where `runtime.newproc1` has the new g at the probe: bytes from the stack pointer, or 0 for
    /// the register of the first result.
    pub new_g: u32,
    /// From the frame of `cgocallback`'s callee to the pc that was saved when Go called C.
    pub callback_pc: u32,
    /// From there to the return address into `cgocall`.
    pub callback_caller: u32,
    /// From there to the frame of `cgocall`.
    pub callback_frame: u32,
    /// Where an allocation of a large object has its size at the probe: bytes from the stack pointer,
    /// or 0 for the register of the second argument. `refill` has its argument in that register too,
    /// else on the stack.
    pub large_size: u32,
    /// Whether it is traced, and what of all this holds.
    pub armed: Armed,
}

const _: () = assert!(size_of::<Target>() == 320);
