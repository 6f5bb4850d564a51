//! The runtime of one program: what is read of it, and how often.

use std::sync::atomic::AtomicBool;

use tracer_core::event::{EventKind, GoRuntime};

use super::open::{NotOpened, Open};
use crate::symbols::Query;

/// Looks until the variables of the runtime are given up: a program that has just begun has none.
const MAX_ATTEMPTS: u32 = 30;

/// What a look has found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) events: Vec<EventKind>,
    pub(super) queries: Vec<Query>,
}

impl Found {
    pub(super) fn ask(&mut self, address: u64, is_return: bool) {
        self.queries.push(Query { address, is_return });
    }
}

/// A runtime that is read again and again.
pub(super) struct Runtime {
    state: State,
    /// What was last said of it.
    said: Option<GoRuntime>,
}

enum State {
    /// Not found yet.
    Sought {
        pid: u32,
        exe_path: String,
        attempts: u32,
    },
    Open(Box<Open>),
    /// Not to be read at all.
    Closed,
}

impl Runtime {
    pub(super) fn new(pid: u32, exe_path: &str) -> Self {
        Self {
            state: State::Sought {
                pid,
                exe_path: exe_path.to_owned(),
                attempts: 0,
            },
            said: None,
        }
    }

    /// Reads what its turn is, or everything.
    pub(super) fn look(&mut self, everything: bool, found: &mut Found) {
        self.seek(found);
        let State::Open(open) = &mut self.state else {
            return;
        };
        let runtime = open.look(everything, found);
        self.say(runtime, found);
    }

    /// Reads who created the goroutines.
    pub(super) fn births(&mut self, found: &mut Found) {
        self.seek(found);
        let State::Open(open) = &mut self.state else {
            return;
        };
        open.births(found);
    }

    /// Looks for who holds the heap.
    pub(super) fn find_holders(&mut self, ending: &AtomicBool, found: &mut Found) {
        let State::Open(open) = &self.state else {
            return;
        };
        match open.find_holders(ending) {
            Ok(holders) => found.events.push(EventKind::Holders(holders)),
            Err(why) => tracing::warn!("who holds the heap is not known: {why}"),
        }
    }

    /// Looks for the variables of the runtime, if that was not done.
    fn seek(&mut self, found: &mut Found) {
        let State::Sought {
            pid,
            exe_path,
            attempts,
        } = &mut self.state
        else {
            return;
        };
        *attempts += 1;
        match Open::find(*pid, exe_path) {
            Ok(open) => self.state = State::Open(Box::new(open)),
            Err(NotOpened { why, forever }) => {
                if forever || *attempts >= MAX_ATTEMPTS {
                    self.state = State::Closed;
                }
                let runtime = GoRuntime {
                    unreadable: Some(why),
                    ..GoRuntime::default()
                };
                self.say(runtime, found);
            }
        }
    }

    fn say(&mut self, runtime: GoRuntime, found: &mut Found) {
        if self.said.as_ref() != Some(&runtime) {
            // Before what was read: it tells how to take that.
            found
                .events
                .insert(0, EventKind::GoRuntime(runtime.clone()));
            self.said = Some(runtime);
        }
    }
}
