//! The Go runtime as a source of events: a thread that reads it while the loop goes on.
//!
//! ```text
//! loop ── look ──▶ thread: counters each time; spans, goroutines, heap profile when their turn is
//!      ◀─ Reading ─┘
//! ```
//!
//! A page that the target answers for in its own time may hold the thread up, and nothing else.

mod open;
mod runtime;
mod stacks;
mod translate;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use tracer_core::event::{EventKind, Timestamp};

use super::sink::now;
use crate::symbols::Query;
use runtime::{Found, Runtime};

/// Looks that may wait for a thread that is held up.
const MAX_WAITING: u32 = 3;

/// What one look has found.
pub(super) struct Reading {
    /// When.
    pub(super) at: Timestamp,
    /// What, in the order in which the engine is told.
    pub(super) events: Vec<EventKind>,
    /// Addresses that need names.
    pub(super) queries: Vec<Query>,
    last: bool,
}

/// A thread around the runtime of one program.
pub(super) struct GoReader {
    looks: Sender<Look>,
    readings: Receiver<Reading>,
    waiting: u32,
    /// The recording ends: a search is not gone on with.
    ending: Arc<AtomicBool>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Look {
    /// At what costs little, and at the rest when its turn is.
    Usual,
    /// At who created the goroutines.
    Births,
    /// For who holds the heap.
    Holders,
    /// At all, for the last time.
    Last,
}

impl GoReader {
    /// Starts reading the Go program that a process runs.
    ///
    /// # Errors
    /// When there can be no more threads.
    pub(super) fn spawn(pid: u32, exe_path: String) -> std::io::Result<Self> {
        let (looks, orders) = channel();
        let (answers, readings) = channel();
        let ending = Arc::new(AtomicBool::new(false));
        let is_ending = Arc::clone(&ending);
        thread::Builder::new()
            .name("go-runtime".to_owned())
            .spawn(move || serve(pid, &exe_path, &orders, &answers, &is_ending))?;
        Ok(Self {
            looks,
            readings,
            waiting: 0,
            ending,
        })
    }

    /// Asks for a look, unless others still wait.
    pub(super) fn look(&mut self) {
        if self.waiting < MAX_WAITING {
            self.ask(Look::Usual);
        }
    }

    /// Asks who created the goroutines that are alive.
    pub(super) fn look_at_births(&mut self) {
        self.ask(Look::Births);
    }

    /// Asks who holds the heap, which takes seconds; other looks wait.
    pub(super) fn find_holders(&mut self) {
        self.ask(Look::Holders);
    }

    fn ask(&mut self, look: Look) {
        if self.looks.send(look).is_ok() {
            self.waiting += 1;
        }
    }

    /// What was read since the last call.
    pub(super) fn try_take(&mut self) -> Vec<Reading> {
        let readings: Vec<Reading> = self.readings.try_iter().collect();
        self.waiting -= readings.len() as u32;
        readings
    }

    /// Looks at everything once more, and returns what was read until `limit`.
    pub(super) fn finish(self, limit: Duration) -> Vec<Reading> {
        let deadline = Instant::now() + limit;
        let mut readings = Vec::new();
        self.ending.store(true, Ordering::Relaxed);
        if self.looks.send(Look::Last).is_err() {
            return self.readings.try_iter().collect();
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.readings.recv_timeout(left) {
                Ok(reading) => {
                    let last = reading.last;
                    readings.push(reading);
                    if last {
                        return readings;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return readings,
            }
        }
    }
}

/// Answers looks until nobody asks any more.
fn serve(
    pid: u32,
    exe_path: &str,
    looks: &Receiver<Look>,
    answers: &Sender<Reading>,
    ending: &AtomicBool,
) {
    let mut runtime = Runtime::new(pid, exe_path);
    while let Ok(look) = looks.recv() {
        let mut found = Found::default();
        match look {
            Look::Usual => runtime.look(false, &mut found),
            Look::Births => runtime.births(&mut found),
            Look::Last => runtime.look(true, &mut found),
            Look::Holders => runtime.find_holders(ending, &mut found),
        }
        let Found { events, queries } = found;
        let reading = Reading {
            at: now(),
            events,
            queries,
            last: look == Look::Last,
        };
        if answers.send(reading).is_err() || look == Look::Last {
            return;
        }
    }
}
