//! One process: its facts, its ledgers, and how each event changes them.

use crate::event::{CgroupSample, EndedBy, EventKind, ProcessFacts, ProcessId, Timestamp};
use crate::ledger::calls::CallLedger;
use crate::ledger::descriptors::DescriptorLedger;
use crate::ledger::faults::FaultLedger;
use crate::ledger::loss::LossLedger;
use crate::ledger::memory::MemoryLedger;
use crate::ledger::symbols::SymbolTable;
use crate::ledger::vma::VmaLedger;

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
    descriptors: DescriptorLedger,
    memory: MemoryLedger,
    symbols: SymbolTable,
    loss: LossLedger,
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
                self.facts = facts.clone();
            }
            EventKind::Mappings(mappings) => self.vma.seed(mappings),
            EventKind::Descriptors(descriptors) => self.descriptors.seed(descriptors, at),
            EventKind::Call(call) => {
                let moved = self.vma.apply(call, at);
                self.calls.add(call, moved);
                self.descriptors.apply(call, at);
            }
            EventKind::Faults(faults) => self.faults.add(faults),
            EventKind::Stack(stack) => self.symbols.add_stack(stack),
            EventKind::Symbols(symbols) => self.symbols.add_symbols(symbols),
            EventKind::Memory(sample) => self.memory.add(at, sample),
            EventKind::MemoryDetail(detail) => self.memory.add_detail(detail),
            EventKind::Exec => self.exec(at),
            EventKind::Fork { .. } => self.forks += 1,
            EventKind::Exit => self.exited = true,
            EventKind::Loss(counts) => self.loss.update(counts),
            EventKind::End(ended) => self.ended = Some(*ended),
            EventKind::Cgroup(sample) => self.cgroup = Some(sample.clone()),
            // Its time is all it tells.
            EventKind::Tick => {}
        }
    }

    /// Another program runs in the process now: what was learned about the memory of the
    /// old one says nothing about it.
    fn exec(&mut self, at: Timestamp) {
        self.execs += 1;
        self.vma = VmaLedger::default();
        self.vma.set_page_size(self.facts.page_size);
        self.calls = CallLedger::default();
        self.faults = FaultLedger::default();
        self.memory = MemoryLedger::default();
        self.symbols.forget_names();
        self.descriptors = self.descriptors.exec(at);
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

    /// When the last event happened.
    #[must_use]
    pub fn last_at(&self) -> Timestamp {
        self.last_at
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

    /// Its memory cgroup, as last read.
    #[must_use]
    pub fn cgroup(&self) -> Option<&CgroupSample> {
        self.cgroup.as_ref()
    }

    /// What was lost on the way.
    #[must_use]
    pub fn loss(&self) -> &LossLedger {
        &self.loss
    }
}

#[cfg(test)]
mod tests;
