//! Where events go: to the trace file first, then to the engine.

use tracer_core::{
    event::{Event, EventKind, ProcessId, Timestamp},
    node::Node,
    process::{KeepsGrowing, Request},
};

use crate::output::trace_file::TraceFile;

/// The engine, and the recording of what it is told.
pub struct Sink {
    /// The process all events are about.
    process: ProcessId,
    node: Node,
    trace: Option<TraceFile>,
}

impl Sink {
    /// A fresh engine.
    #[must_use]
    pub fn new(process: ProcessId, trace: Option<TraceFile>) -> Self {
        Self {
            process,
            node: Node::default(),
            trace,
        }
    }

    /// Records and applies what happened at `at`.
    pub fn push(&mut self, at: Timestamp, kind: EventKind) {
        let event = Event {
            at,
            process: self.process,
            kind,
        };
        if let Some(trace) = &mut self.trace {
            trace.record(&event);
        }
        self.node.apply(&event);
    }

    /// Records and applies what was found just now.
    pub fn push_now(&mut self, kind: EventKind) {
        self.push(now(), kind);
    }

    /// Whether there is a trace file.
    #[must_use]
    pub fn records(&self) -> bool {
        self.trace.is_some()
    }

    /// Writes out what the trace file still holds back.
    pub fn flush(&mut self) {
        if let Some(trace) = &mut self.trace {
            trace.tick();
        }
    }

    /// The engine so far.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// What the engine asks for.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.node.requests_on(self.process)
    }

    /// What keeps growing: for once a second.
    #[must_use]
    pub fn keeps_growing(&self) -> KeepsGrowing {
        self.node.keeps_growing(self.process)
    }

    /// Whether to look who holds the heap; `always` whether it grows or not.
    #[must_use]
    pub fn wants_holders(&self, always: bool) -> bool {
        self.node.wants_holders(self.process, always)
    }

    /// What has ended the recording before its time.
    #[must_use]
    pub fn trace_error(&self) -> Option<&std::io::Error> {
        self.trace.as_ref()?.error()
    }

    /// The recording, to be finished.
    #[must_use]
    pub fn finish(self) -> (Node, Option<TraceFile>) {
        (self.node, self.trace)
    }
}

/// The kernel's monotonic clock, the one the eBPF programs read.
#[must_use]
pub fn now() -> Timestamp {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Timestamp(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}
