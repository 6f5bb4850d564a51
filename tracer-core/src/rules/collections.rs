//! When collections run and what stays after each: whether that is enough to judge a heap by.

use super::growth::{MIN_READINGS, MIN_SECONDS, how_much_longer, too_early};
use super::threshold::Threshold;
use crate::event::Timestamp;
use crate::ledger::go::AfterGc;
use crate::ledger::trend::{Trend, difference};
use crate::process::Process;

/// A heap that keeps all that is allocated doubles from one collection to the next, with GOGC at 100: the
/// last is then no longer ago than all of them took together. What came in more time may be garbage.
const STALE: Threshold = Threshold::new(1.0);

/// A leak keeps as much of what is allocated as ever: from one collection to the next the share of two
/// caches that were full in between fell to 0.64 and 0.53, that of leaks with garbage to 0.81.
const KEEPS: Threshold = Threshold::new(0.75);

/// Seconds in which what a collection has found is swept, mostly.
const SWEPT: f64 = 1.0;

/// The runtime collects at the latest after so many seconds (`runtime/proc.go`, `forcegcperiod`).
const LONGEST_CYCLE: f64 = 120.0;

/// Whether clearly less has stayed from the last but one collection to the last than before, in the same
/// time and of as much that was allocated: where collections are rare, a cache that has become full shows
/// so first. A leak beside more garbage than before, or under less load, does not.
pub(super) fn keeps_less(process: &Process) -> bool {
    let collections: Vec<_> = process.go().after_gc().readings().collect();
    let [.., first, middle, last] = &collections[..] else {
        return false;
    };
    let early = Cycle::of(process, *first, middle.1);
    let cycles = early.zip(Cycle::of(process, *middle, last.1));
    cycles.is_some_and(|(early, late)| {
        let is_less = |late: f64, early: f64| late < KEEPS.get() * early;
        is_less(late.gained, early.gained) && is_less(late.share(), early.share())
    })
}

/// From one collection to the next, in bytes a second.
struct Cycle {
    gained: f64,
    allocated: f64,
}

impl Cycle {
    /// If it was long enough for readings that are a second apart.
    fn of(process: &Process, (at, from): (Timestamp, &AfterGc), to: &AfterGc) -> Option<Self> {
        let seconds = to.ended_unix_ns.checked_sub(from.ended_unix_ns)? as f64 / 1e9;
        let readings = process.go().counters().readings();
        let mut within = readings.filter(|(_, now)| now.gc_cycles == from.cycle);
        // At its end all garbage of the collection before is swept.
        let (end, last) = within.next_back()?;
        let allocated = difference(last.heap_alloc, last.heap_marked) as f64;
        let is_told = seconds >= MIN_SECONDS.get() && end > at && allocated > 0.0;
        is_told.then(|| Self {
            gained: difference(to.live, from.live) as f64 / seconds,
            allocated: allocated / end.seconds_since(at),
        })
    }

    /// Of what was allocated, what stayed.
    fn share(&self) -> f64 {
        self.gained / self.allocated
    }
}

/// Until there are enough collections, in words.
pub(super) fn how_many_more(process: &Process, readings: usize, seconds: f64) -> String {
    let missing = MIN_READINGS.get() - readings as f64;
    let Some(next) = next_collection(process) else {
        return how_much_longer(readings, seconds, "collection");
    };
    let cycle = since_collection(process).map_or(next, |since| since + next);
    let longer = next + (missing - 1.0) * cycle;
    too_early(readings, seconds, "collection", Some(longer))
}

/// That nothing tells whether what came after the last collection is garbage.
pub(super) fn is_stale(process: &Process, trend: &Trend) -> Option<String> {
    let since = since_collection(process)?;
    let percent = process.go().counters().last()?.gc_percent;
    let grows_by = f64::from(percent.unwrap_or(100).max(100)) / 100.0;
    (since > STALE.get() * grows_by * trend.seconds).then(|| {
        format!(
            "no collection has run in the last {since:.0} s, so that whether it still does is not known: \
             watch until the next one{}",
            due(next_collection(process))
        )
    })
}

/// Seconds since the last collection that was watched.
pub(super) fn since_collection(process: &Process) -> Option<f64> {
    let last = process.go().after_gc().at_from_end(0)?;
    Some(process.last_at().seconds_since(last))
}

/// In how many seconds the next collection is due, as the heap has filled since the last one.
pub(super) fn next_collection(process: &Process) -> Option<f64> {
    // Before, what was not swept yet looks as if it had been allocated since.
    let since = since_collection(process).filter(|since| *since >= SWEPT)?;
    let now = process.go().counters().last()?;
    let rate = now.heap_alloc.saturating_sub(now.heap_marked) as f64 / since;
    let by_goal = now.next_gc.saturating_sub(now.heap_alloc) as f64 / rate;
    // With GOGC=off nothing but the goal makes it run.
    let by_time = now
        .gc_percent
        .map_or(f64::INFINITY, |_| LONGEST_CYCLE - since);
    Some(by_goal.min(by_time)).filter(|next| next.is_finite() && *next >= 0.0)
}

/// When a collection is due, to follow what it will tell.
pub(super) fn due(seconds: Option<f64>) -> String {
    seconds.map_or(String::new(), |seconds| {
        format!(", in about {:.0} s", seconds.max(1.0))
    })
}
