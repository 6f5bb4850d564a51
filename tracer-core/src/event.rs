//! What the engine reacts to, and what a trace contains: one stream of events.
//!
//! ```text
//! kernel rings, /proc, symbolizer ──▶ Event ──▶ Node::apply
//!                                       └─────▶ trace file ──▶ Event ──▶ Node::apply
//! ```

mod allocation;
mod call;
mod creation;
mod fact;
mod go;
mod holders;
mod loss;
mod sample;
mod socket;

pub use allocation::{Allocated, AllocationWatch};
pub use call::{Advice, Call, Errno, Peer, Syscall};
pub use creation::{Ancestor, Creation, CreatorWatch};
pub use fact::{
    Access, EndedBy, Faults, Frame, FrameKind, Module, ProcessFacts, StackTrace, Symbol,
};
pub use go::{
    FoundBy, GoCounters, GoResidency, GoRuntime, GoSpans, GoroutineGroup, GoroutineWait,
    Goroutines, HeapCount, HeapProfile, HeapProfiling, HeapSite, SpanClass,
};
pub use holders::{HeldSite, Holders, Owner, OwnerKind};
pub use loss::{CallSum, CpuLoss, Loss, LossCount, LossGap};
pub use sample::{
    Backing, CgroupSample, CgroupVersion, Descriptor, DescriptorKind, Mapping, MappingUse,
    MemoryDetail, MemorySample,
};

pub use socket::{
    ConnectAnswer, OtherDescriptors, SocketAbout, SocketState, SocketStates, SocketTraffic,
};

/// Nanoseconds of the kernel's monotonic clock.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Seconds from `earlier` to `self`, 0 when the order is reversed.
    #[must_use]
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / 1e9
    }
}

/// A process that a recycled pid cannot be mistaken for.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ProcessId {
    /// Thread group id, what users call the pid.
    pub tgid: u32,
    /// Start time in clock ticks since boot (`/proc/PID/stat`, field 22).
    pub start_ticks: u64,
}

/// Keyed hash of a stack's frames, given by the kernel side; never 0.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StackId(pub u64);

/// One thing that happened to, or was learned about, one process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// When it happened or was read.
    pub at: Timestamp,
    /// The process it is about.
    pub process: ProcessId,
    /// What it was.
    pub kind: EventKind,
}

/// The kinds of events.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum EventKind {
    /// Who the process is: the first event, and again after each exec.
    Process(Box<ProcessFacts>),
    /// All mappings as the kernel lists them: the base of the VMA ledger.
    Mappings(Vec<Mapping>),
    /// All open file descriptors: the base of the fd ledger.
    Descriptors(Vec<Descriptor>),
    /// The open sockets and their states.
    SocketStates(SocketStates),
    /// A system call that returned.
    Call(Call),
    /// What became of a `connect` in progress.
    ConnectAnswer(ConnectAnswer),
    /// First-touch page faults since the last such event, by stack.
    Faults(Faults),
    /// The addresses of a stack seen for the first time.
    Stack(StackTrace),
    /// Code that addresses of stacks lie in, told the first time and when there is news.
    Modules(Vec<Module>),
    /// The names of addresses seen for the first time.
    Symbols(Vec<Symbol>),
    /// RSS and its parts.
    Memory(MemorySample),
    /// RSS and its parts mapping by mapping, at one instant.
    MemoryDetail(MemoryDetail),
    /// The memory cgroup of the process.
    Cgroup(Box<CgroupSample>),
    /// A goroutine was created.
    Created(Creation),
    /// Creations of goroutines are watched from now on, or no longer.
    CreatorWatch(CreatorWatch),
    /// Goroutines from before creations were watched.
    Ancestors(Vec<Ancestor>),
    /// Memory was handed out to a stack.
    Allocated(Allocated),
    /// It is watched who allocates from now on, or no longer.
    AllocationWatch(AllocationWatch),
    /// Whether the Go runtime can be read.
    GoRuntime(GoRuntime),
    /// Counters of the Go runtime.
    GoCounters(Box<GoCounters>),
    /// The Go heap by size class.
    GoSpans(GoSpans),
    /// Where the resident memory of the Go runtime is; the `MemoryDetail` of the instant follows.
    GoResidency(GoResidency),
    /// Allocation sites that the heap profile counts, told the first time.
    HeapSites(Vec<HeapSite>),
    /// The heap profile.
    HeapProfile(HeapProfile),
    /// The goroutines by what they do.
    Goroutines(Goroutines),
    /// Who holds objects of the heap.
    Holders(Holders),
    /// The process replaced its program: a new `Process` and `Mappings` follow.
    Exec,
    /// The process forked this child, which is not traced.
    Fork {
        /// Thread group id of the child.
        child: u32,
    },
    /// The process stands still from now on, by a signal, a debugger or the freezer of its cgroup;
    /// or it runs again.
    Paused(bool),
    /// The process ended.
    Exit,
    /// Counts of kernel events so far, kind by kind.
    Loss(Loss),
    /// Calls of one stack that were dropped one by one.
    CallSum(CallSum),
    /// A moment to look at trends; nothing else happened.
    #[default]
    Tick,
    /// The recording ended in good order.
    End(EndedBy),
}
