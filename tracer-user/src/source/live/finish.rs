//! The end of a recording.

use std::time::Duration;

use tracer_core::event::{EndedBy, EventKind, SocketStates};

use super::{Live, records::push_names};
use crate::kernel::{Programs, settle};
use crate::source::sink::{Sink, now};

/// How long names are waited for at the end; the report must be out within 2 s.
const SYMBOLS_LIMIT: Duration = Duration::from_millis(1200);

/// How long the last look at the Go runtime may take.
const GO_LIMIT: Duration = Duration::from_millis(800);

/// How long the accounts may take to settle at the end: a program that was preempted on a busy
/// machine has to come back and count.
const SETTLE_LIMIT: Duration = Duration::from_secs(1);

impl Live {
    /// Stops recording and brings everything to its end: samples, records, names, accounts.
    ///
    /// The programs are returned still loaded: unloading takes up to a second, and the report
    /// comes first.
    pub fn finish(mut self, sink: &mut Sink, ended_by: EndedBy) -> Programs {
        // The last sample and the end of the recording are the same instant.
        if let Some(go) = self.go.take() {
            let readings = go.finish(GO_LIMIT);
            self.take_go(sink, readings);
        }
        self.sample(sink);
        self.detail(sink);
        let kills = self.sample_cgroup(sink);
        let listing = self.read_sockets();
        self.programs.disarm(self.target.pid());
        let mut records = std::mem::take(&mut self.records);
        let counted = settle(&mut self.programs, SETTLE_LIMIT, |record| {
            records.push(record);
        });
        records.sort_by_key(|record| record.at);
        for record in records {
            self.apply(sink, record);
        }
        if let Some(listing) = listing {
            sink.push_now(EventKind::SocketStates(SocketStates {
                settled: true,
                last: true,
                ..listing
            }));
        }
        let at = now();
        self.take_counted(sink, at, &counted);
        self.close_allocations(sink);
        let loss = self.programs.final_loss(at);
        let Self {
            symbols,
            programs,
            oom_kills,
            ..
        } = self;
        push_names(sink, symbols.finish(SYMBOLS_LIMIT));
        sink.push_now(EventKind::Loss(loss));
        if ended_by == EndedBy::Exit {
            sink.push_now(EventKind::Exit);
        }
        let killed = ended_by == EndedBy::Exit && kills > oom_kills;
        sink.push_now(EventKind::End(if killed { EndedBy::Oom } else { ended_by }));
        programs
    }
}
