//! All processes of a machine that are watched; an attach is a node of one.

use std::collections::BTreeMap;

use crate::event::{Event, ProcessId, Timestamp};
use crate::process::{KeepsGrowing, Process, Request};
use crate::report::Report;

/// Events of a further process are counted and ignored.
const MAX_PROCESSES: usize = 4096;

/// The engine: events in, reports out. It cannot fail.
#[derive(Clone, Debug, Default)]
pub struct Node {
    processes: BTreeMap<ProcessId, Process>,
    first: Option<ProcessId>,
    ignored_events: u64,
}

impl Node {
    /// Takes one event.
    pub fn apply(&mut self, event: &Event) {
        let room = self.processes.len() < MAX_PROCESSES;
        if !room && !self.processes.contains_key(&event.process) {
            self.ignored_events += 1;
            return;
        }
        self.first.get_or_insert(event.process);
        let process = self
            .processes
            .entry(event.process)
            .or_insert_with(|| Process::new(event.process));
        process.apply(event.at, &event.kind);
    }

    /// Counts anew from this moment on; what is known stays.
    pub fn restart(&mut self, at: Timestamp) {
        for process in self.processes.values_mut() {
            process.restart(at);
        }
    }

    /// The report on the process attached to: the first one heard of.
    #[must_use]
    pub fn report(&self) -> Option<Report> {
        self.first.and_then(|first| self.report_on(first))
    }

    /// The process attached to.
    #[must_use]
    pub fn attached(&self) -> Option<&Process> {
        self.processes.get(&self.first?)
    }

    /// The report on one process.
    #[must_use]
    pub fn report_on(&self, process: ProcessId) -> Option<Report> {
        self.processes.get(&process).map(Report::on)
    }

    /// What it would be worth to look at in a process.
    #[must_use]
    pub fn requests_on(&self, process: ProcessId) -> Vec<Request> {
        let process = self.processes.get(&process);
        process.map(Process::requests).unwrap_or_default()
    }

    /// What keeps growing in a process.
    #[must_use]
    pub fn keeps_growing(&self, process: ProcessId) -> KeepsGrowing {
        let process = self.processes.get(&process);
        process.map(Process::keeps_growing).unwrap_or_default()
    }

    /// Whether to look who holds the heap of a process; `always` whether it grows or not.
    #[must_use]
    pub fn wants_holders(&self, process: ProcessId, always: bool) -> bool {
        let process = self.processes.get(&process);
        process.is_some_and(|process| process.wants_holders(always))
    }

    /// The processes heard of, in order of their ids.
    pub fn processes(&self) -> impl Iterator<Item = (ProcessId, &Process)> {
        self.processes.iter().map(|(id, process)| (*id, process))
    }

    /// Events of processes beyond the cap.
    #[must_use]
    pub fn ignored_events(&self) -> u64 {
        self.ignored_events
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::event::EventKind;

    fn tick(tgid: u32, start_ticks: u64) -> Event {
        let process = ProcessId { tgid, start_ticks };
        Event {
            at: Timestamp(1),
            process,
            kind: EventKind::Tick,
        }
    }

    #[test]
    fn a_recycled_pid_is_another_process() {
        let mut node = Node::default();
        assert!(node.report().is_none());
        node.apply(&tick(9, 100));
        node.apply(&tick(5, 200));
        node.apply(&tick(9, 300));
        assert_eq!(node.processes().count(), 3);
        assert_eq!(node.report().unwrap().process.pid, 9);
    }

    #[test]
    fn a_full_node_ignores_and_counts() {
        let mut node = Node::default();
        for tgid in 0..=MAX_PROCESSES as u32 {
            node.apply(&tick(tgid, 0));
        }
        node.apply(&tick(0, 0));
        assert_eq!(
            (node.processes().count(), node.ignored_events()),
            (MAX_PROCESSES, 1)
        );
    }
}
