//! Who allocates.

use super::StackId;

/// Memory that one stack was given by Go's heap since the last such event.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Allocated {
    /// Who asked; `None` when the stack was lost.
    pub stack: Option<StackId>,
    /// Bytes of each object; 0 for objects that have a span of their own.
    pub object_bytes: u64,
    /// Spans: what one stack began to use, others may have used up.
    pub spans: u64,
    /// Bytes of the spans.
    pub bytes: u64,
}

/// Whether it is watched who allocates, and what that has cost the process so far.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AllocationWatch {
    /// It is, from the time of the event on.
    pub watching: bool,
    /// Why so, or why not.
    pub reason: String,
    /// How often the probes were hit.
    pub hits: u64,
    /// Nanoseconds that each hit takes before and after its program runs, measured elsewhere;
    /// `None` when it was not measured.
    pub trap_ns: Option<u64>,
    /// Nanoseconds that the programs of all hits took.
    pub inside_ns: u64,
}
