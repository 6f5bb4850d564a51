//! One process: its facts, its ledgers, and how each event changes them.

mod request;
#[cfg(test)]
mod tests;

pub use request::{KeepsGrowing, Request};

use crate::event::{CgroupSample, EndedBy, EventKind, ProcessFacts, ProcessId, Timestamp};
use crate::ledger::allocations::AllocationLedger;
use crate::ledger::calls::CallLedger;
use crate::ledger::creators::CreatorLedger;
use crate::ledger::descriptors::DescriptorLedger;
use crate::ledger::faults::FaultLedger;
use crate::ledger::go::GoLedger;
use crate::ledger::loss::LossLedger;
use crate::ledger::memory::MemoryLedger;
use crate::ledger::modules::ModuleTable;
use crate::ledger::per_socket::{PerSocket, PerSocketLedger, fit};
use crate::ledger::series::Series;
use crate::ledger::standstill::StandstillLedger;
use crate::ledger::symbols::SymbolTable;
use crate::ledger::vma::VmaLedger;
use crate::sampling::Sampling;

/// Seconds in which what is told first is told.
const AT_START: f64 = 0.5;

/// The sockets at one moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SocketReading {
    /// Open.
    pub open: u64,
    /// Closed since the start.
    pub closed: u64,
}

/// All that is known about a process. Rules read it, events change it.
#[derive(Clone, Debug, Default)]
pub struct Process {
    id: ProcessId,
    facts: ProcessFacts,
    first_at: Option<Timestamp>,
    last_at: Timestamp,
    ended: Option<EndedBy>,
    exited: bool,
    execs: u64,
    forks: u64,
    vma: VmaLedger,
    calls: CallLedger,
    faults: FaultLedger,
    creators: CreatorLedger,
    allocations: AllocationLedger,
    per_socket: PerSocketLedger,
    descriptors: DescriptorLedger,
    sockets: Series<SocketReading>,
    memory: MemoryLedger,
    modules: ModuleTable,
    symbols: SymbolTable,
    go: GoLedger,
    loss: LossLedger,
    standstill: StandstillLedger,
    cgroup: Option<CgroupSample>,
}

impl Process {
    /// A process of which nothing is known yet.
    #[must_use]
    pub fn new(id: ProcessId) -> Self {
        Self {
            id,
            ..Self::default()
        }
    }

    /// Takes what happened or was learned.
    pub fn apply(&mut self, at: Timestamp, kind: &EventKind) {
        self.first_at = Some(self.first_at.map_or(at, |first| first.min(at)));
        self.last_at = self.last_at.max(at);
        match kind {
            EventKind::Process(facts) => {
                self.vma.set_page_size(facts.page_size);
                self.facts = (**facts).clone();
            }
            EventKind::Mappings(mappings) => self.vma.seed(mappings),
            EventKind::Descriptors(descriptors) => self.descriptors.seed(descriptors, at),
            EventKind::Call(call) => {
                let mut moved = None;
                if call.what.is_about_memory() {
                    moved = self.vma.apply(call, at);
                } else {
                    self.descriptors.apply(call, at, &self.creators);
                }
                self.calls.add(call, moved, self.sampling());
            }
            EventKind::Faults(faults) => self.faults.add(faults),
            EventKind::Stack(stack) => self.symbols.add_stack(stack),
            EventKind::Modules(modules) => self.modules.add(modules),
            EventKind::Symbols(symbols) => self.symbols.add_symbols(symbols),
            EventKind::Memory(sample) => {
                self.memory.add(at, sample);
                let sockets = self.descriptors.open_sockets();
                self.per_socket.add_rss(at, sockets, sample.rss);
            }
            EventKind::MemoryDetail(detail) => self.memory.add_detail(detail),
            EventKind::SocketStates(states) => self.descriptors.observe(states),
            EventKind::ConnectAnswer(answer) => self.descriptors.answered(answer),
            EventKind::Created(creation) => self.creators.add(creation),
            EventKind::Ancestors(ancestors) => self.creators.add_ancestors(ancestors),
            EventKind::CreatorWatch(watch) => {
                let at_start = self.seconds_until(at) < AT_START;
                self.creators.set_watch(watch, at_start);
            }
            EventKind::Allocated(allocated) => self.allocations.add(allocated),
            EventKind::AllocationWatch(watch) => self.allocations.set_watch(watch),
            EventKind::GoRuntime(runtime) => self.go.set_runtime(runtime),
            EventKind::GoCounters(counters) => {
                self.go.add_counters(at, counters);
                let (cycle, live) = (counters.gc_cycles, counters.heap_marked);
                let sockets = self.descriptors.open_sockets();
                self.per_socket.add_live(at, sockets, cycle, live);
                self.per_socket
                    .add_goroutines(at, sockets, counters.goroutines);
            }
            EventKind::GoSpans(spans) => self.go.add_spans(at, spans),
            EventKind::GoResidency(residency) => self.go.add_residency(at, *residency),
            EventKind::HeapSites(sites) => self.go.add_sites(sites),
            EventKind::HeapProfile(profile) => self.go.add_profile(at, profile),
            EventKind::Holders(holders) => self.go.set_holders(at, holders),
            EventKind::Goroutines(goroutines) => self.go.add_goroutines(at, goroutines),
            EventKind::Exec => self.exec(at),
            EventKind::Fork { .. } => self.forks += 1,
            EventKind::Paused(paused) => self.standstill.pause(at, *paused),
            EventKind::Exit => self.exited = true,
            EventKind::Loss(loss) => self.loss.update(loss),
            EventKind::CallSum(sum) => {
                if self.calls.add_sum(sum, self.sampling()) {
                    self.loss.add_summed(&sum.kind, sum.count);
                }
            }
            EventKind::End(ended) => self.ended = Some(*ended),
            EventKind::Cgroup(sample) => self.cgroup = Some((**sample).clone()),
            EventKind::Tick => self.tick(at),
        }
    }

    /// A moment to note what only adds up.
    fn tick(&mut self, at: Timestamp) {
        self.standstill.look(at);
        if self.descriptors.is_seeded() {
            let reading = SocketReading {
                open: self.descriptors.open_sockets(),
                closed: self.descriptors.closed(),
            };
            self.sockets.add(at, &reading);
        }
    }

    /// Counts anew from this moment on: who it is, what it has mapped and open, and the names of
    /// its code stay known.
    pub fn restart(&mut self, at: Timestamp) {
        self.first_at = Some(at);
        self.last_at = at;
        self.forget_counts();
        self.sockets = Series::default();
        self.go.restart();
        self.creators.restart();
        self.descriptors.restart();
        self.standstill.restart(at);
    }

    /// Another program runs in the process now: what was learned about the memory of the
    /// old one says nothing about it.
    fn exec(&mut self, at: Timestamp) {
        self.execs += 1;
        self.vma = VmaLedger::default();
        self.vma.set_page_size(self.facts.page_size);
        self.forget_counts();
        self.modules = ModuleTable::default();
        self.go = GoLedger::default();
        self.creators = CreatorLedger::default();
        self.allocations = AllocationLedger::default();
        self.symbols.forget_names();
        self.descriptors = self.descriptors.exec(at);
    }

    /// Forgets what was counted and measured of its memory.
    fn forget_counts(&mut self) {
        self.calls = CallLedger::default();
        self.faults = FaultLedger::default();
        self.allocations.restart();
        self.memory = MemoryLedger::default();
        self.per_socket = PerSocketLedger::default();
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> ProcessId {
        self.id
    }

    /// Who it is.
    #[must_use]
    pub fn facts(&self) -> &ProcessFacts {
        &self.facts
    }

    /// How stacks were sampled; `None` when all were taken.
    #[must_use]
    pub fn sampling(&self) -> Option<Sampling> {
        let mean_bytes = self.facts.sample_bytes.filter(|bytes| *bytes > 0)?;
        Some(Sampling { mean_bytes })
    }

    /// It is a Go program.
    #[must_use]
    pub fn is_go(&self) -> bool {
        self.facts.go_version.is_some()
    }

    /// Seconds from the first to the last event.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.first_at
            .map_or(0.0, |first| self.last_at.seconds_since(first))
    }

    /// Seconds from the first event to a moment, 0 for one before.
    #[must_use]
    pub fn seconds_until(&self, at: Timestamp) -> f64 {
        self.first_at.map_or(0.0, |first| at.seconds_since(first))
    }

    /// When the last event happened.
    #[must_use]
    pub fn last_at(&self) -> Timestamp {
        self.last_at
    }

    /// Seconds from its start to the last event; less where the machine slept since it was switched on.
    /// `None` when its start is not known.
    #[must_use]
    pub fn age_seconds(&self) -> Option<f64> {
        // What the kernel shows user space, on every machine.
        const TICKS_PER_SECOND: f64 = 100.0;
        let started = self.id.start_ticks as f64 / TICKS_PER_SECOND;
        let age = self.last_at.seconds_since(Timestamp(0)) - started;
        (self.id.start_ticks > 0 && age >= 0.0).then_some(age)
    }

    /// Why the recording ended; `None` while it runs or when it was cut off.
    #[must_use]
    pub fn ended(&self) -> Option<EndedBy> {
        self.ended
    }

    /// The process ended.
    #[must_use]
    pub fn exited(&self) -> bool {
        self.exited
    }

    /// How often the program was replaced; the ledgers tell of the last one.
    #[must_use]
    pub fn execs(&self) -> u64 {
        self.execs
    }

    /// Children forked; they are not traced.
    #[must_use]
    pub fn forks(&self) -> u64 {
        self.forks
    }

    /// Its address space.
    #[must_use]
    pub fn vma(&self) -> &VmaLedger {
        &self.vma
    }

    /// Its system calls.
    #[must_use]
    pub fn calls(&self) -> &CallLedger {
        &self.calls
    }

    /// Its first touches of pages.
    #[must_use]
    pub fn faults(&self) -> &FaultLedger {
        &self.faults
    }

    /// Its sockets.
    #[must_use]
    pub fn descriptors(&self) -> &DescriptorLedger {
        &self.descriptors
    }

    /// Its sockets over time.
    #[must_use]
    pub fn sockets(&self) -> &Series<SocketReading> {
        &self.sockets
    }

    /// Who created its goroutines.
    #[must_use]
    pub fn creators(&self) -> &CreatorLedger {
        &self.creators
    }

    /// Who allocated.
    #[must_use]
    pub fn allocations(&self) -> &AllocationLedger {
        &self.allocations
    }

    /// What moves with its sockets.
    #[must_use]
    pub fn per_socket(&self) -> &PerSocketLedger {
        &self.per_socket
    }

    /// Live heap for each open socket; where so many others come and go that this does not tell, for
    /// each that stays.
    #[must_use]
    pub fn live_per_socket(&self) -> Option<PerSocket> {
        self.per_socket.live().or_else(|| {
            let staying = self.descriptors.staying();
            let readings = self.go.after_gc().readings();
            fit(readings.map(|(at, after)| (until(&staying, at), after.live)))
        })
    }

    /// Goroutines for each open socket, or for each that stays.
    #[must_use]
    pub fn goroutines_per_socket(&self) -> Option<PerSocket> {
        self.per_socket.goroutines().or_else(|| {
            let staying = self.descriptors.staying();
            let readings = self.go.counters().readings();
            fit(readings.map(|(at, now)| (until(&staying, at), now.goroutines)))
        })
    }

    /// How many of the sockets that stay were open at each reading of their number.
    pub fn staying(&self) -> impl Iterator<Item = (f64, u64)> {
        let staying = self.descriptors.staying();
        let start = self.sockets.readings().next().map(|(at, _)| at);
        let start = start.unwrap_or_default();
        let readings = self.sockets.readings();
        readings.map(move |(at, _)| (at.seconds_since(start), until(&staying, at)))
    }

    /// Its RSS over time.
    #[must_use]
    pub fn memory(&self) -> &MemoryLedger {
        &self.memory
    }

    /// Its stacks.
    #[must_use]
    pub fn symbols(&self) -> &SymbolTable {
        &self.symbols
    }

    /// What its Go runtime said.
    #[must_use]
    pub fn go(&self) -> &GoLedger {
        &self.go
    }

    /// The files whose code is on its stacks.
    #[must_use]
    pub fn modules(&self) -> &ModuleTable {
        &self.modules
    }

    /// Its memory cgroup, as last read.
    #[must_use]
    pub fn cgroup(&self) -> Option<&CgroupSample> {
        self.cgroup.as_ref()
    }

    /// How much of the time was unseen.
    #[must_use]
    pub fn standstill(&self) -> &StandstillLedger {
        &self.standstill
    }

    /// What was lost on the way.
    #[must_use]
    pub fn loss(&self) -> &LossLedger {
        &self.loss
    }
}

/// How many of these moments were no later.
fn until(moments: &[Timestamp], at: Timestamp) -> u64 {
    moments.partition_point(|moment| *moment <= at) as u64
}
