//! What a live process is asked through `/proc`.

use std::time::{Duration, Instant};

use tracer_core::event::{Descriptor, EventKind, Mapping};

use super::{Live, Sink};
use crate::proc::{fds, maps, memory, smaps};

impl Live {
    /// The lists that ledgers start from. Older records in the ring do no harm: the last call
    /// that touched an address or a descriptor decides, and all that follow are applied.
    pub(super) fn snapshot(&self, sink: &mut Sink) {
        let pid = self.target.pid();
        let descriptors: Vec<Descriptor> = fds::read(pid).unwrap_or_default();
        sink.push_now(EventKind::Descriptors(descriptors));
        let mappings: Vec<Mapping> = maps::read(pid).unwrap_or_default();
        sink.push_now(EventKind::Mappings(mappings));
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

    /// Returns how many processes the kernel has killed there.
    pub(super) fn sample_cgroup(&self, sink: &mut Sink) -> Option<u64> {
        let sample = self.cgroup.as_ref()?.sample().ok()?;
        let kills = sample.oom_kills;
        sink.push_now(EventKind::Cgroup(sample));
        kills
    }
}
