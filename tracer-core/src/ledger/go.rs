//! What the Go runtime said over time.

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::collections::BTreeMap;

use super::series::Series;
use super::trend::Point;
use crate::event::{
    GoCounters, GoResidency, GoRuntime, GoSpans, Goroutines, HeapCount, HeapProfile, HeapSite,
    Holders, Timestamp,
};

/// Allocation sites whose stacks are kept; counts of further ones have no stack.
const MAX_SITES: usize = 65_536;
/// Censuses of spans kept, some 4 KiB each.
const MAX_CENSUSES: usize = 96;
/// Addresses kept of one site; deeper stacks are cut at the outer end.
const MAX_DEPTH: usize = 512;

/// The first reading and the newest.
#[derive(Clone, Debug)]
pub struct Ends<T> {
    first: (Timestamp, T),
    last: Option<(Timestamp, T)>,
}

impl<T> Ends<T> {
    /// The oldest reading.
    pub fn first(&self) -> &T {
        &self.first.1
    }

    /// The newest reading.
    pub fn last(&self) -> &T {
        &self.last.as_ref().unwrap_or(&self.first).1
    }

    /// The oldest one, when it is not the newest too.
    pub fn before(&self) -> Option<&T> {
        self.last.is_some().then_some(&self.first.1)
    }

    /// From the oldest to the newest.
    pub fn minutes(&self) -> f64 {
        let (last, _) = self.last.as_ref().unwrap_or(&self.first);
        last.0.saturating_sub(self.first.0.0) as f64 / 60e9
    }

    fn add(ends: &mut Option<Self>, at: Timestamp, reading: T) {
        match ends {
            Some(ends) => ends.last = Some((at, reading)),
            None => {
                *ends = Some(Self {
                    first: (at, reading),
                    last: None,
                });
            }
        }
    }
}

/// What the collections of the process have left alive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AfterGc {
    /// Which collection it was, counted since the start of the program.
    pub cycle: u64,
    /// When it ended, by the program's clock.
    pub ended_unix_ns: u64,
    /// Bytes that it found reachable.
    pub live: u64,
}

impl AfterGc {
    /// What counters tell of the last collection.
    fn of(counters: &GoCounters) -> Self {
        Self {
            cycle: counters.gc_cycles,
            ended_unix_ns: counters.last_gc_unix_ns,
            live: counters.heap_marked,
        }
    }
}

/// Readings of the Go runtime.
#[derive(Clone, Debug, Default)]
pub struct GoLedger {
    runtime: Option<GoRuntime>,
    counters: Series<GoCounters>,
    after_gc: Series<AfterGc>,
    /// The last collection before watching began, if it is known when that was.
    before: Option<(Timestamp, AfterGc)>,
    spans: Series<GoSpans, MAX_CENSUSES>,
    residency: Series<GoResidency>,
    sites: BTreeMap<u64, HeapSite>,
    profile: Option<Ends<HeapProfile>>,
    goroutines: Option<Ends<Goroutines>>,
    holders: Option<(Timestamp, Holders)>,
    dropped: u64,
}

impl GoLedger {
    /// Forgets the readings; what the runtime is, and the stacks of its sites, stay known.
    pub fn restart(&mut self) {
        *self = Self {
            runtime: self.runtime.take(),
            sites: std::mem::take(&mut self.sites),
            dropped: self.dropped,
            ..Self::default()
        };
    }

    /// Takes whether it can be read.
    pub fn set_runtime(&mut self, runtime: &GoRuntime) {
        self.runtime = Some(runtime.clone());
    }

    /// Takes counters.
    pub fn add_counters(&mut self, at: Timestamp, counters: &GoCounters) {
        // Several collections between two readings leave the newest alone to be seen.
        let cycle = counters.gc_cycles;
        let is_new = self
            .counters
            .last()
            .is_some_and(|last| last.gc_cycles < cycle);
        if is_new {
            if self.after_gc.seen() == 0 {
                self.before = self.before_watching(at, counters);
            }
            self.after_gc.add(at, &AfterGc::of(counters));
        }
        self.counters.add(at, counters);
    }

    /// The collection before the first one that ended while watching: the clock of the program tells how
    /// much earlier it was.
    fn before_watching(
        &self,
        at: Timestamp,
        counters: &GoCounters,
    ) -> Option<(Timestamp, AfterGc)> {
        let has_collected = |last: &&GoCounters| last.last_gc_unix_ns > 0;
        let last = self.counters.last().filter(has_collected)?;
        let (began, _) = self.counters.readings().next()?;
        let earlier = counters.last_gc_unix_ns.checked_sub(last.last_gc_unix_ns)?;
        let ended = Timestamp(at.0.checked_sub(earlier)?);
        // By a clock that was set back it may have ended while watching.
        (ended < began).then(|| (ended, AfterGc::of(last)))
    }

    /// Takes a census of spans.
    pub fn add_spans(&mut self, at: Timestamp, spans: &GoSpans) {
        self.spans.add(at, spans);
    }

    /// Takes where its memory is.
    pub fn add_residency(&mut self, at: Timestamp, residency: GoResidency) {
        self.residency.add(at, &residency);
    }

    /// Takes the stacks of allocation sites.
    pub fn add_sites(&mut self, sites: &[HeapSite]) {
        for site in sites {
            if self.sites.len() >= MAX_SITES && !self.sites.contains_key(&site.id) {
                self.dropped += 1;
                continue;
            }
            let mut site = site.clone();
            site.addresses.truncate(MAX_DEPTH);
            self.sites.insert(site.id, site);
        }
    }

    /// Takes who holds what; the last search counts.
    pub fn set_holders(&mut self, at: Timestamp, holders: &Holders) {
        self.holders = Some((at, holders.clone()));
    }

    /// Who holds what, if it was searched.
    #[must_use]
    pub fn holders(&self) -> Option<&Holders> {
        self.holders.as_ref().map(|(_, holders)| holders)
    }

    /// When that was found.
    #[must_use]
    pub fn holders_at(&self) -> Option<Timestamp> {
        self.holders.as_ref().map(|(at, _)| *at)
    }

    /// Takes a heap profile.
    pub fn add_profile(&mut self, at: Timestamp, profile: &HeapProfile) {
        Ends::add(&mut self.profile, at, profile.clone());
    }

    /// Takes a census of goroutines.
    pub fn add_goroutines(&mut self, at: Timestamp, goroutines: &Goroutines) {
        Ends::add(&mut self.goroutines, at, goroutines.clone());
    }

    /// Whether it can be read; `None` when nobody tried.
    #[must_use]
    pub fn runtime(&self) -> Option<&GoRuntime> {
        self.runtime.as_ref()
    }

    /// The counters over time.
    #[must_use]
    pub fn counters(&self) -> &Series<GoCounters> {
        &self.counters
    }

    /// The live heap after each collection that ended while watching.
    #[must_use]
    pub fn after_gc(&self) -> &Series<AfterGc> {
        &self.after_gc
    }

    /// The live heap over time, as collections found it: those that ended while watching, and the one
    /// before, if it is no further from them than they are from each other.
    #[must_use]
    pub fn live_heap(&self) -> Vec<Point> {
        let watched: Vec<_> = self.after_gc.readings().collect();
        let (Some((first, _)), Some((last, _))) = (watched.first(), watched.last()) else {
            return Vec::new();
        };
        let is_near = |at: Timestamp| first.seconds_since(at) <= last.seconds_since(*first);
        let before = self.before.as_ref().filter(|(at, _)| is_near(*at));
        let before = before.map(|(at, after)| (*at, after));
        let start = before.map_or(*first, |(at, _)| at);
        let all = before.into_iter().chain(watched);
        all.map(|(at, after)| Point {
            seconds: at.seconds_since(start),
            bytes: after.live,
        })
        .collect()
    }

    /// Collections that ended while watching.
    #[must_use]
    pub fn gc_cycles(&self) -> u64 {
        let cycles = |counters: Option<&GoCounters>| counters.map_or(0, |now| now.gc_cycles);
        cycles(self.counters.last()).saturating_sub(cycles(self.counters.first()))
    }

    /// The heap by size class, over time.
    #[must_use]
    pub fn spans(&self) -> &Series<GoSpans, MAX_CENSUSES> {
        &self.spans
    }

    /// Where its resident memory is, over time.
    #[must_use]
    pub fn residency(&self) -> &Series<GoResidency> {
        &self.residency
    }

    /// The heap profile.
    #[must_use]
    pub fn profile(&self) -> Option<&Ends<HeapProfile>> {
        self.profile.as_ref()
    }

    /// The goroutines.
    #[must_use]
    pub fn goroutines(&self) -> Option<&Ends<Goroutines>> {
        self.goroutines.as_ref()
    }

    /// The stack of an allocation site, innermost first; empty when it is not known.
    #[must_use]
    pub fn site(&self, id: u64) -> &[u64] {
        self.heap_site(id)
            .map_or(&[], |site| site.addresses.as_slice())
    }

    /// An allocation site, if it was told.
    #[must_use]
    pub fn heap_site(&self, id: u64) -> Option<&HeapSite> {
        self.sites.get(&id)
    }

    /// Sites whose stacks did not fit.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// What a sampled count stands for, as pprof scales it (`scaleHeapSample` in `runtime/pprof`).
///
/// An object of `size` bytes is sampled with the probability `1 - exp(-size / rate)`. Returns
/// objects and bytes.
#[must_use]
pub fn scaled(objects: u64, bytes: u64, rate: u64) -> (u64, u64) {
    if objects == 0 || bytes == 0 {
        return (0, 0);
    }
    if rate <= 1 {
        return (objects, bytes);
    }
    let size = bytes as f64 / objects as f64;
    let scale = 1.0 / (1.0 - (-size / rate as f64).exp());
    (
        (objects as f64 * scale) as u64,
        (bytes as f64 * scale) as u64,
    )
}

/// What is live of a site, scaled: objects and bytes.
#[must_use]
pub fn in_use(count: &HeapCount, rate: u64) -> (u64, u64) {
    let objects = count.allocs.saturating_sub(count.frees);
    let bytes = count.alloc_bytes.saturating_sub(count.free_bytes);
    scaled(objects, bytes, rate)
}
