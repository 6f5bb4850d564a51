//! When it is watched who allocates, which the program's own heap profile does not tell.
//!
//! Each span that the heap hands out costs the target a trap, so the watch begins when there is
//! something to explain, and has a budget.

use std::collections::BTreeMap;

use tracer_core::event::{Allocated, AllocationWatch, EventKind, StackId, Timestamp};
use tracer_core::process::Request;

use super::{
    Live, Sink,
    budget::{Begins, Budget, Spent},
};
use crate::cli::Allocs as Wanted;
use crate::go::Binary;
use crate::go::runtime::of_span_class;
use crate::kernel::{Counted, Probe, Probes, Programs, Spans};
use crate::source::inspect::{self, AllocationPlaces};

/// The watch on allocations.
pub(super) struct Allocations {
    wanted: Wanted,
    places: Result<AllocationPlaces, String>,
    state: State,
    begins: Begins,
}

enum State {
    Idle,
    Watching {
        /// Kept for the probes to stay.
        _probes: Probes,
        budget: Budget,
        trap_ns: Option<u64>,
        inside_ns: u64,
        reason: String,
    },
    /// Until the live heap keeps growing.
    Waiting,
    Over,
}

impl Allocations {
    pub(super) fn new(wanted: Wanted, places: Result<AllocationPlaces, String>) -> Self {
        Self {
            wanted,
            places,
            state: State::Idle,
            begins: Begins::default(),
        }
    }

    /// Where the arguments are at the probes, for the kernel side.
    pub(super) fn large_size(&self) -> u32 {
        self.places.as_ref().map_or(0, |places| places.large_size)
    }

    /// Begins the watch if it is to last from the start.
    pub(super) fn begin_if_asked(
        &mut self,
        programs: &mut Programs,
        pid: u32,
    ) -> Option<AllocationWatch> {
        (self.wanted == Wanted::On).then(|| self.begin(programs, pid, "asked for"))
    }

    fn begin(&mut self, programs: &mut Programs, pid: u32, reason: &str) -> AllocationWatch {
        let places = self.places.as_ref().map_err(|error| error.clone().into());
        match places.and_then(|places| programs.probe(pid, &places.probes)) {
            Ok(probes) => {
                self.state = State::Watching {
                    _probes: probes,
                    budget: Budget::new(),
                    trap_ns: programs.trap_ns(Probe::Span),
                    inside_ns: 0,
                    reason: reason.to_owned(),
                };
                self.so_far().unwrap_or_default()
            }
            Err(refusal) => {
                refusal.warn("who allocates");
                self.state = State::Over;
                AllocationWatch {
                    reason: refusal.reason,
                    ..AllocationWatch::default()
                }
            }
        }
    }

    /// What the watch has cost, while it goes on.
    fn so_far(&self) -> Option<AllocationWatch> {
        let State::Watching {
            budget,
            trap_ns,
            inside_ns,
            reason,
            ..
        } = &self.state
        else {
            return None;
        };
        Some(AllocationWatch {
            watching: true,
            reason: reason.clone(),
            hits: budget.hits(),
            trap_ns: *trap_ns,
            inside_ns: *inside_ns,
        })
    }

    /// Ends the watch.
    fn end(&mut self, spent: Spent) -> Option<AllocationWatch> {
        let Spent {
            reason,
            until_growth,
        } = spent;
        let watch = self.so_far()?;
        let again = until_growth && self.begins.again();
        self.state = if again { State::Waiting } else { State::Over };
        Some(AllocationWatch {
            watching: false,
            reason,
            ..watch
        })
    }

    fn spent(&self, worthwhile: bool) -> Option<Spent> {
        let State::Watching { budget, .. } = &self.state else {
            return None;
        };
        budget.spent("spans", worthwhile)
    }

    /// Takes what the probes have counted; as the engine is told, by stack and size.
    fn take(&mut self, counted: &Counted) -> Vec<Allocated> {
        let mut sums: BTreeMap<(Option<StackId>, u64), Allocated> = BTreeMap::new();
        let minor = self.places.as_ref().map_or(0, |places| places.minor);
        for spans in counted.allocations() {
            if let State::Watching {
                budget, inside_ns, ..
            } = &mut self.state
            {
                budget.hit(spans.spans);
                *inside_ns = inside_ns.saturating_add(spans.took_ns);
            }
            let (object_bytes, bytes) = sizes(minor, &spans);
            let key = (spans.stack, object_bytes);
            let sum = sums.entry(key).or_insert(Allocated {
                stack: spans.stack,
                object_bytes,
                ..Allocated::default()
            });
            sum.spans += spans.spans;
            sum.bytes = sum.bytes.saturating_add(bytes);
        }
        sums.into_values().collect()
    }
}

/// Bytes of each object, 0 for large ones; and of all the spans.
fn sizes(minor: u32, spans: &Spans) -> (u64, u64) {
    let Some(class) = spans.class else {
        return (0, spans.bytes);
    };
    let (object_bytes, span_bytes) = of_span_class(minor, class).unwrap_or_default();
    (object_bytes, span_bytes.saturating_mul(spans.spans))
}

impl Live {
    /// Begins or ends the watch where it is time.
    pub(super) fn mind_allocations(&mut self, sink: &mut Sink, requests: &[Request]) {
        let pid = self.target.pid();
        let keeps_growing = self.keeps_growing.heap;
        let Self {
            allocations,
            programs,
            ..
        } = self;
        let watch = match (&allocations.state, allocations.wanted) {
            (State::Idle, Wanted::On) => allocations.begin_if_asked(programs, pid),
            (State::Idle, Wanted::Auto) => {
                let wanted = requests.contains(&Request::WatchAllocations);
                let reason = "the live heap grows";
                wanted.then(|| allocations.begin(programs, pid, reason))
            }
            (State::Watching { .. }, wanted) => {
                let needless = requests.contains(&Request::LeaveAllocations);
                let needless = needless.then(|| Spent {
                    reason: "the heap profile tells more".to_owned(),
                    until_growth: false,
                });
                let worthwhile = wanted == Wanted::On || keeps_growing;
                let spent = needless.or_else(|| allocations.spent(worthwhile));
                spent.and_then(|spent| allocations.end(spent))
            }
            (State::Waiting, _) => {
                let reason = "the live heap keeps growing";
                keeps_growing.then(|| allocations.begin(programs, pid, reason))
            }
            (State::Idle, Wanted::Off) | (State::Over, _) => None,
        };
        if let Some(watch) = watch {
            sink.push_now(EventKind::AllocationWatch(watch));
        }
    }

    /// Passes on what was counted in maps.
    pub(super) fn take_counted(&mut self, sink: &mut Sink, at: Timestamp, counted: &Counted) {
        for fault in counted.faults() {
            sink.push(at, EventKind::Faults(fault));
        }
        for sum in counted.sums() {
            sink.push(at, EventKind::CallSum(sum));
        }
        for allocated in self.allocations.take(counted) {
            sink.push(at, EventKind::Allocated(allocated));
        }
    }

    /// What the watch has cost, at the end of the recording.
    pub(super) fn close_allocations(&self, sink: &mut Sink) {
        if let Some(watch) = self.allocations.so_far() {
            sink.push_now(EventKind::AllocationWatch(watch));
        }
    }

    /// The process runs another program.
    pub(super) fn renew_allocations(&mut self, binary: Option<&Binary>) {
        self.allocations = Allocations::new(self.allocations.wanted, allocation_places(binary));
    }
}

/// Where the heap of what a process runs hands out memory.
pub(super) fn allocation_places(binary: Option<&Binary>) -> Result<AllocationPlaces, String> {
    let binary = binary.filter(|binary| binary.is_go);
    inspect::allocation_places(binary.ok_or("it is not a Go program")?)
}
