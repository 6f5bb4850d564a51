//! Records of the ring buffer, and what is counted by stack.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Depth of a captured stack. Go's own heap profile keeps 128 frames since 1.23.
pub const MAX_FRAMES: usize = 128;

/// `StackHead::recovered_at` of a stack without recovered frames.
pub const NO_FRAME: u16 = u16::MAX;

/// `StackHead::flags`: the walk stopped at its depth limit or at unreadable memory.
pub const TRUNCATED: u16 = 1;

/// Index of the first argument word that carries the socket address of `connect` and `accept`.
pub const SOCKADDR_ARG: usize = 2;

/// What every record starts with.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct Header {
    /// A `Kind`.
    pub kind: u16,
    /// The CPU that wrote the record.
    pub cpu: u16,
    /// The thread, in the initial pid namespace.
    pub tid: u32,
    /// The process, in the initial pid namespace.
    pub tgid: u32,
    /// Always 0.
    pub reserved: u32,
    /// Monotonic clock, nanoseconds.
    pub time_ns: u64,
    /// Hash of the stack; 0 when it was lost or not taken.
    pub stack: u64,
}

/// A system call that returned.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct CallRecord {
    /// Kind, time, thread, stack.
    pub header: Header,
    /// Time of entry of a call that releases something; 0 when unknown.
    pub entered_ns: u64,
    /// The kernel's answer: a value, or minus an error number.
    pub result: i64,
    /// Number of the goroutine that called; 0 when unknown or not asked for.
    pub goroutine: u64,
    /// The six argument registers. For `connect` and `accept` instead: the descriptor; the length
    /// of the address or the flags; and the first 32 bytes of the socket address. For `socketpair`
    /// and `getsockopt`: the fourth is what stands at its address, of `getsockopt` all bits where
    /// that cannot be read.
    pub args: [u64; 6],
}

/// A step in the life of a process: exec, fork, exit.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct LifeRecord {
    /// Kind, time, thread.
    pub header: Header,
    /// Fork: thread group id of the child. Else 0.
    pub value: u64,
}

/// A goroutine that was created.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct GoroutineRecord {
    /// Kind, time, thread, and the stack of the `go` statement.
    pub header: Header,
    /// Its number.
    pub goroutine: u64,
    /// Number of the goroutine that created it; 0 when none did.
    pub creator: u64,
}

/// A stack seen for the first time, up to its frames.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct StackHead {
    /// Kind and time; `stack` is the hash that other records refer to.
    pub header: Header,
    /// The word at the stack pointer when it may be code, else 0.
    pub leaf_word: u64,
    /// Number of frames that follow.
    pub count: u16,
    /// Index of the first frame taken from the goroutine's saved registers, or `NO_FRAME`.
    pub recovered_at: u16,
    /// `TRUNCATED`.
    pub flags: u16,
    /// Always 0.
    pub reserved: u16,
}

/// A stack seen for the first time. The ring carries only the first `count` frames.
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout)]
#[repr(C)]
pub struct StackRecord {
    /// What precedes the frames.
    pub head: StackHead,
    /// Addresses, leaf first.
    pub frames: [u64; MAX_FRAMES],
}

/// Whose page faults are counted together.
#[derive(
    Clone, Copy, Debug, Eq, FromBytes, Immutable, IntoBytes, KnownLayout, Ord, PartialEq, PartialOrd,
)]
#[repr(C)]
pub struct FaultKey {
    /// Hash of the stack; 0 when it was lost.
    pub stack: u64,
    /// The process.
    pub tgid: u32,
    /// 0 read, 1 write, 2 execute.
    pub access: u32,
}

/// `AllocationKey::class` of objects that have a span of their own.
pub const LARGE_OBJECT: u32 = 256;

/// Whose allocations are counted together.
#[derive(
    Clone, Copy, Debug, Eq, FromBytes, Immutable, IntoBytes, KnownLayout, Ord, PartialEq, PartialOrd,
)]
#[repr(C)]
pub struct AllocationKey {
    /// Hash of the stack; 0 when it was lost.
    pub stack: u64,
    /// The process.
    pub tgid: u32,
    /// Go's span class, or `LARGE_OBJECT`.
    pub class: u32,
}

/// What was allocated by one stack.
#[derive(Clone, Copy, Debug, Default, FromBytes, Immutable, IntoBytes, KnownLayout, PartialEq)]
#[repr(C)]
pub struct AllocationCount {
    /// Spans that the stack was given.
    pub spans: u64,
    /// Bytes of the spans, of large objects; 0 of others, whose class tells.
    pub bytes: u64,
    /// Nanoseconds that the probe took.
    pub took_ns: u64,
}

/// Which calls are counted together where the ring has no room for each.
#[derive(
    Clone, Copy, Debug, Eq, FromBytes, Immutable, IntoBytes, KnownLayout, Ord, PartialEq, PartialOrd,
)]
#[repr(C)]
pub struct SumKey {
    /// Hash of the stack; 0 when it was lost or not taken.
    pub stack: u64,
    /// The process.
    pub tgid: u32,
    /// A `Kind`.
    pub kind: u16,
    /// What `madvise` or `process_madvise` advised, else 0.
    pub advice: u16,
}

/// What the calls of a [`SumKey`] add up to.
#[derive(Clone, Copy, Debug, Default, FromBytes, Immutable, IntoBytes, KnownLayout, PartialEq)]
#[repr(C)]
pub struct SumCount {
    /// Calls that returned, refused ones included.
    pub count: u64,
    /// Calls that the kernel refused.
    pub failed: u64,
    /// Bytes asked for by the others, of calls that have a length.
    pub bytes: u64,
}

const _: () = assert!(size_of::<Header>() == 32);
const _: () = assert!(size_of::<CallRecord>() == 104);
const _: () = assert!(size_of::<GoroutineRecord>() == 48);
const _: () = assert!(size_of::<LifeRecord>() == 40);
const _: () = assert!(size_of::<StackHead>() == 48);
const _: () = assert!(size_of::<StackRecord>() == 48 + 8 * MAX_FRAMES);
const _: () = assert!(size_of::<FaultKey>() == 16);
const _: () = assert!(size_of::<AllocationKey>() == 16);
const _: () = assert!(size_of::<AllocationCount>() == 24);
const _: () = assert!(size_of::<SumKey>() == 16);
const _: () = assert!(size_of::<SumCount>() == 24);
