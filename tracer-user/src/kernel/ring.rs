//! A ring of records, read up to a moment.

use std::{
    os::fd::{AsFd as _, BorrowedFd},
    time::{Duration, Instant},
};

use aya::maps::{MapData, RingBuf};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracer_core::event::Timestamp;
use tracer_ebpf::Kind;

use super::{
    counters::Counters,
    decode::{Record, decode, header},
};

/// Some of the CPUs write to it.
pub(super) struct Ring {
    records: RingBuf<MapData>,
    /// All records that were written by then have been passed on.
    until: Timestamp,
}

impl Ring {
    pub(super) const fn new(records: RingBuf<MapData>) -> Self {
        Self {
            records,
            until: Timestamp(0),
        }
    }

    /// Readable once much waits in it.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.records.as_fd()
    }

    pub(super) const fn until(&self) -> Timestamp {
        self.until
    }

    /// Passes on what waits, at most for `limit`, and returns how many records that were. `at` is a moment
    /// before now.
    pub(super) fn drain(
        &mut self,
        at: Timestamp,
        limit: Duration,
        counters: &mut Counters,
        mut each: impl FnMut(Record),
    ) -> usize {
        let deadline = Instant::now() + limit;
        let (mut count, mut last, mut is_late) = (0, None, false);
        while !is_late && let Some(bytes) = self.records.next() {
            count += 1;
            let record = decode(&bytes);
            if let Some(header) = header(&bytes) {
                counters.received(Kind(header.kind), header.cpu, record.is_some());
                last = Some(Timestamp(header.time_ns).min(at));
            }
            if let Some(record) = record {
                each(record);
            }
            // Looking at the clock costs as much as a small record.
            is_late = count % 256 == 0 && Instant::now() >= deadline;
        }
        // A record that is still being written keeps back those behind it.
        self.until = if is_late || !self.is_empty() {
            last.unwrap_or(self.until)
        } else {
            at
        };
        count
    }

    /// Nothing is in it, nor being written.
    fn is_empty(&self) -> bool {
        let mut ring = [PollFd::new(&self.records, PollFlags::IN)];
        // Readable is what was not consumed. Without an answer it may have more.
        poll(&mut ring, Some(&Timespec::default())) == Ok(0)
    }
}
