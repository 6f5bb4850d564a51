//! What the thread that reads the Go runtime is asked, and what it has read.

use super::{Live, Sink};
use crate::cli::Holders;
use crate::proc::target::Target;
use crate::source::go_reader::{GoReader, Reading};

impl Live {
    /// Asks for what the Go runtime says now.
    pub(super) fn look_at_go(&mut self) {
        if let Some(go) = &mut self.go {
            go.look();
        }
    }

    /// Searches who holds the heap when that is worth it, once.
    pub(super) fn mind_holders(&mut self, sink: &Sink) {
        let wanted = match self.holders {
            Holders::Auto => sink.wants_holders(false),
            Holders::Always => sink.wants_holders(true),
            Holders::Never => false,
        };
        if let Some(go) = self.go.as_mut().filter(|_| wanted) {
            go.find_holders();
            self.holders = Holders::Never;
        }
    }

    pub(super) fn take_go(&mut self, sink: &mut Sink, readings: Vec<Reading>) {
        for reading in readings {
            // What was read may be of another process that has the pid now.
            if self.target.has_exited() {
                return;
            }
            self.symbols.submit(reading.queries);
            for event in reading.events {
                sink.push(reading.at, event);
            }
        }
    }

    /// Asks who created the goroutines that are older than the watch.
    pub(super) fn look_at_births(&mut self) {
        if let Some(go) = &mut self.go {
            go.look_at_births();
        }
    }
}

/// A reader of the Go runtime, where there is one to read.
pub(super) fn go_reader(target: &Target, is_go: bool) -> Option<GoReader> {
    let reader = is_go.then(|| GoReader::spawn(target.pid(), target.exe_path.clone()))?;
    reader
        .inspect_err(|error| tracing::warn!("the Go runtime is not read: {error}"))
        .ok()
}
