//! The recordings of `tests/golden`, as they are and spoiled, for tests of the rules.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::event::{Event, EventKind, Timestamp};
use crate::process::Process;
use crate::trace::Reader;
use crate::window::{Window, Windowed};

/// What was recorded of one process.
pub(super) struct Recording {
    /// `rules/heap-growth.found`.
    pub(super) name: String,
    pub(super) events: Vec<Event>,
}

/// All of them, in the order of their names.
pub(super) fn recordings() -> Vec<Recording> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
    let mut found = Vec::new();
    for folder in list(&golden).iter().filter(|folder| folder.is_dir()) {
        for file in list(folder) {
            if file
                .extension()
                .is_some_and(|extension| extension == "trace")
            {
                let name = file.with_extension("");
                found.push(Recording {
                    name: name.strip_prefix(&golden).unwrap().display().to_string(),
                    events: Reader::open(read(&file).as_slice()).unwrap().collect(),
                });
            }
        }
    }
    found
}

impl Recording {
    /// The process at the end of a part of it, in seconds.
    pub(super) fn replayed(&self, from: u64, to: Option<u64>) -> Process {
        let mut windowed = Windowed::new(Window {
            from: Duration::from_secs(from),
            to: to.map(Duration::from_secs),
        });
        for event in &self.events {
            windowed.apply(event);
        }
        let node = windowed.finish();
        let (_, process) = node.processes().next().unwrap();
        process.clone()
    }

    /// When so much of its time had passed.
    pub(super) fn moment(&self, share: f64) -> Timestamp {
        let (first, last) = (self.events[0].at, self.events[self.events.len() - 1].at);
        Timestamp(first.0 + (share * (last.0 - first.0) as f64) as u64)
    }

    /// The same, changed event by event; what becomes `None` is gone.
    pub(super) fn changed(&self, change: impl FnMut(&Event) -> Option<Event>) -> Self {
        Self {
            name: self.name.clone(),
            events: self.events.iter().filter_map(change).collect(),
        }
    }

    /// This share of all calls lost.
    pub(super) fn lossy(&self, share: f64) -> Self {
        let mut calls = 0.0;
        self.changed(|event| {
            let mut event = event.clone();
            match &mut event.kind {
                EventKind::Call(_) => {
                    calls += share;
                    if calls >= 1.0 {
                        calls -= 1.0;
                        return None;
                    }
                }
                EventKind::Loss(loss) => {
                    for count in &mut loss.counts {
                        count.lost = (share * count.expected as f64).round() as u64;
                        count.received = count.expected - count.lost;
                    }
                }
                _ => {}
            }
            Some(event)
        })
    }

    /// The process stands still at the end, for this share of the time.
    pub(super) fn paused(&self, share: f64) -> Self {
        let from = self.moment(1.0 - share);
        let mut last: Vec<Event> = Vec::new();
        let mut paused = self.changed(|event| {
            if event.at < from {
                last.retain(|known| !is_alike(known, event));
                last.push(event.clone());
                return Some(event.clone());
            }
            // What is read is what was read before, and nothing is called.
            match &event.kind {
                EventKind::Call(_) | EventKind::Faults(_) | EventKind::Created(_) => None,
                EventKind::Memory(_)
                | EventKind::MemoryDetail(_)
                | EventKind::GoCounters(_)
                | EventKind::GoResidency(_)
                | EventKind::GoSpans(_)
                | EventKind::Goroutines(_)
                | EventKind::SocketStates(_) => {
                    let known = last.iter().find(|known| is_alike(known, event))?;
                    Some(Event {
                        at: event.at,
                        ..known.clone()
                    })
                }
                _ => Some(event.clone()),
            }
        });
        let begins = paused.events.partition_point(|event| event.at < from);
        let process = paused.events[0].process;
        let kind = EventKind::Paused(true);
        let at = from;
        paused.events.insert(begins, Event { at, process, kind });
        paused
    }
}

fn is_alike(one: &Event, other: &Event) -> bool {
    std::mem::discriminant(&one.kind) == std::mem::discriminant(&other.kind)
}

/// What is in a folder, in the order of names.
pub(super) fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[expect(clippy::disallowed_methods, reason = "tests read recordings")]
fn read(file: &Path) -> Vec<u8> {
    fs::read(file).unwrap()
}
