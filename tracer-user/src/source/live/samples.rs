//! What a live process is asked through `/proc`.

use std::time::{Duration, Instant};

use tracer_core::event::{EventKind, Mapping, SocketStates};

use super::{Live, Sink};
use crate::proc::{fds, maps, memory, smaps, standstill};
use crate::source::sink::now;

/// Between two lists of the open sockets.
const SOCKETS_REST: Duration = Duration::from_secs(5);

impl Live {
    /// The lists that ledgers start from. Older records in the ring do no harm: the last call
    /// that touched an address or a descriptor decides, and all that follow are applied.
    pub(super) fn snapshot(&self, sink: &mut Sink) {
        let pid = self.target.pid();
        // Unread, it is not known what was open before.
        if let Ok(descriptors) = fds::read(pid) {
            sink.push_now(EventKind::Descriptors(descriptors));
        }
        let mappings: Vec<Mapping> = maps::read(pid).unwrap_or_default();
        sink.push_now(EventKind::Mappings(mappings));
    }

    /// Whether the process stands still, when that has changed.
    pub(super) fn look_if_paused(&mut self, sink: &mut Sink) {
        let paused = standstill::read(self.target.pid()).unwrap_or(false);
        if paused != self.paused {
            self.paused = paused;
            sink.push_now(EventKind::Paused(paused));
        }
    }

    /// RSS and its parts; the parts only as often as the walk through the page tables allows.
    pub(super) fn sample(&mut self, sink: &mut Sink) {
        let pid = self.target.pid();
        let reading = if Instant::now() < self.next_walk {
            memory::cheap(pid).map(|sample| (sample, Duration::ZERO))
        } else {
            memory::sample(pid).map(|reading| (reading.sample, reading.walked))
        };
        // It has exited: its last sample stands.
        let Ok((sample, walked)) = reading else {
            return;
        };
        // Nor is a number worth anything that may already belong to another process.
        if self.target.has_exited() {
            return;
        }
        if !walked.is_zero() {
            self.next_walk = Instant::now() + memory::rest_after(walked);
        }
        sink.push_now(EventKind::Memory(sample));
    }

    pub(super) fn detail(&mut self, sink: &mut Sink) {
        if let Ok(detail) = smaps::read(self.target.pid())
            && !detail.mappings.is_empty()
            && !self.target.has_exited()
        {
            let walked = Duration::from_nanos(detail.took_ns);
            self.next_walk = self
                .next_walk
                .max(Instant::now() + memory::rest_after(walked));
            sink.push_now(EventKind::MemoryDetail(detail));
        }
    }

    /// The open sockets, when it is time again. What happened up to the reading goes first.
    pub(super) fn sample_sockets(&mut self, sink: &mut Sink) {
        if Instant::now() < self.next_sockets {
            return;
        }
        if let Some(mut listing) = self.read_sockets() {
            listing.settled = self.drain(sink).until >= listing.began;
            sink.push_now(EventKind::SocketStates(listing));
        }
    }

    /// The open sockets; `None` when the process is gone or they may not be read.
    pub(super) fn read_sockets(&mut self) -> Option<SocketStates> {
        let (began, started) = (now(), Instant::now());
        let reading = self.sockets.read(self.target.pid()).ok();
        let rest = memory::rest_after(started.elapsed()).max(SOCKETS_REST);
        self.next_sockets = Instant::now() + rest;
        let reading = reading.filter(|_| !self.target.has_exited())?;
        Some(SocketStates {
            began,
            sockets: reading.sockets,
            others: reading.others,
            untold: reading.untold,
            ..SocketStates::default()
        })
    }

    /// Returns how many processes the kernel has killed there.
    pub(super) fn sample_cgroup(&self, sink: &mut Sink) -> Option<u64> {
        let sample = self.cgroup.as_ref()?.sample().ok()?;
        let kills = sample.oom_kills;
        sink.push_now(EventKind::Cgroup(Box::new(sample)));
        kills
    }
}
