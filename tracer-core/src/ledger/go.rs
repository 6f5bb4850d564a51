//! What the Go runtime said over time.

use std::collections::BTreeMap;

use super::series::Series;
use crate::event::{
    GoCounters, GoResidency, GoRuntime, GoSpans, Goroutines, HeapCount, HeapProfile, HeapSite,
    Holders, Timestamp,
};

/// Allocation sites whose stacks are kept; counts of further ones have no stack.
const MAX_SITES: usize = 65_536;
/// Addresses kept of one site; deeper stacks are cut at the outer end.
const MAX_DEPTH: usize = 512;

/// The first reading and the newest.
#[derive(Clone, Debug)]
pub struct Ends<T> {
    first: T,
    last: Option<T>,
}

impl<T> Ends<T> {
    /// The oldest reading.
    pub fn first(&self) -> &T {
        &self.first
    }

    /// The newest reading.
    pub fn last(&self) -> &T {
        self.last.as_ref().unwrap_or(&self.first)
    }

    /// The oldest one, when it is not the newest too.
    pub fn before(&self) -> Option<&T> {
        self.last.is_some().then_some(&self.first)
    }

    fn add(ends: &mut Option<Self>, reading: T) {
        match ends {
            Some(ends) => ends.last = Some(reading),
            None => {
                *ends = Some(Self {
                    first: reading,
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
    /// Bytes that it found reachable.
    pub live: u64,
}

/// Readings of the Go runtime.
#[derive(Clone, Debug, Default)]
pub struct GoLedger {
    runtime: Option<GoRuntime>,
    counters: Series<GoCounters>,
    after_gc: Series<AfterGc>,
    spans: Option<Ends<GoSpans>>,
    residency: Series<GoResidency>,
    sites: BTreeMap<u64, HeapSite>,
    profile: Option<Ends<HeapProfile>>,
    goroutines: Option<Ends<Goroutines>>,
    holders: Option<Holders>,
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
            let live = counters.heap_marked;
            self.after_gc.add(at, &AfterGc { cycle, live });
        }
        self.counters.add(at, counters);
    }

    /// Takes a census of spans.
    pub fn add_spans(&mut self, spans: &GoSpans) {
        Ends::add(&mut self.spans, spans.clone());
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
    pub fn set_holders(&mut self, holders: &Holders) {
        self.holders = Some(holders.clone());
    }

    /// Who holds what, if it was searched.
    #[must_use]
    pub fn holders(&self) -> Option<&Holders> {
        self.holders.as_ref()
    }

    /// Takes a heap profile.
    pub fn add_profile(&mut self, profile: &HeapProfile) {
        Ends::add(&mut self.profile, profile.clone());
    }

    /// Takes a census of goroutines.
    pub fn add_goroutines(&mut self, goroutines: &Goroutines) {
        Ends::add(&mut self.goroutines, goroutines.clone());
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

    /// Collections that ended while watching.
    #[must_use]
    pub fn gc_cycles(&self) -> u64 {
        let cycles = |counters: Option<&GoCounters>| counters.map_or(0, |now| now.gc_cycles);
        cycles(self.counters.last()).saturating_sub(cycles(self.counters.first()))
    }

    /// The heap by size class.
    #[must_use]
    pub fn spans(&self) -> Option<&Ends<GoSpans>> {
        self.spans.as_ref()
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn counters(gc_cycles: u64, heap_marked: u64) -> GoCounters {
        GoCounters {
            gc_cycles,
            heap_marked,
            ..GoCounters::default()
        }
    }

    #[test]
    fn live_heap_is_read_at_the_end_of_collections() {
        let mut ledger = GoLedger::default();
        // The first reading is of a collection that nobody saw end.
        for (second, (cycle, marked)) in [(7, 10), (7, 10), (8, 20), (8, 20), (11, 50)]
            .into_iter()
            .enumerate()
        {
            let at = Timestamp(second as u64 * 1_000_000_000);
            ledger.add_counters(at, &counters(cycle, marked));
        }
        let seen: Vec<(u64, u64)> = ledger
            .after_gc()
            .iter()
            .map(|(_, after)| (after.cycle, after.live))
            .collect();
        assert_eq!(seen, [(8, 20), (11, 50)]);
        assert_eq!(ledger.gc_cycles(), 4);
    }

    #[test]
    fn ends_are_the_first_and_the_newest() {
        let mut ledger = GoLedger::default();
        assert!(ledger.spans().is_none());
        for manual_bytes in [1, 2, 3] {
            ledger.add_spans(&GoSpans {
                manual_bytes,
                ..GoSpans::default()
            });
            let ends = ledger.spans().unwrap();
            let found = (ends.first().manual_bytes, ends.last().manual_bytes);
            assert_eq!(found, (1, manual_bytes));
            assert_eq!(ends.before().is_some(), manual_bytes > 1);
        }
    }

    #[test]
    fn sites_are_bounded() {
        let mut ledger = GoLedger::default();
        let site = |id, depth| HeapSite {
            id,
            addresses: vec![7; depth],
            ..HeapSite::default()
        };
        let many: Vec<HeapSite> = (0..MAX_SITES as u64 + 5).map(|id| site(id, 1)).collect();
        ledger.add_sites(&many);
        ledger.add_sites(&[site(0, 5000)]);
        assert_eq!(ledger.dropped(), 5);
        assert_eq!(ledger.site(0).len(), MAX_DEPTH);
        assert!(ledger.site(MAX_SITES as u64).is_empty());
    }

    #[test]
    fn samples_are_scaled_as_pprof_scales_them() {
        for (objects, bytes, rate, expected) in [
            (0, 0, 524_288, (0, 0)),
            (1, 524_288, 524_288, (1, 829_411)),
            (1, 16, 524_288, (32_768, 524_296)),
            (3, 3 << 30, 524_288, (3, 3 << 30)),
            (5, 80, 1, (5, 80)),
            (5, 80, 0, (5, 80)),
        ] {
            assert_eq!(scaled(objects, bytes, rate), expected, "{objects} {bytes}");
        }
    }
}
