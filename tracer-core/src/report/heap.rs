//! The Go heap: what it holds, and who allocated that.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::allocations::{self, AllocationProbes};
use super::stack::{StackFrame, frames, own_line};
use crate::event::{GoSpans, HeapCount, HeapProfile, HeapProfiling, SpanClass};
use crate::ledger::go::{GoLedger, in_use, scaled};
use crate::ledger::symbols::Line;
use crate::ledger::trend::difference;
use crate::process::Process;

/// Allocation sites shown.
pub(super) const MAX_SITES: usize = 30;
/// Size classes shown.
const MAX_CLASSES: usize = 20;

/// The Go heap.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Heap {
    /// Bytes in objects now, garbage that was not swept yet included, as the runtime counts.
    pub alloc_bytes: Option<u64>,
    /// Bytes of spans with objects.
    pub inuse_bytes: Option<u64>,
    /// Reachable at the end of the last collection.
    pub live_bytes: Option<u64>,
    /// The heap at which the next collection ends.
    pub goal_bytes: Option<u64>,
    /// `GOGC`; `None` when off or not known.
    pub gc_percent: Option<u32>,
    /// `GOMEMLIMIT`; `None` when there is none or it is not known.
    pub memory_limit_bytes: Option<u64>,
    /// Collections that ended while watching.
    pub gc_cycles: Option<u64>,
    /// Why the runtime is not read, or no longer.
    pub unreadable: Option<String>,
    /// The live heap after the collections that ended while watching.
    pub after_gc: Option<AfterGcTrend>,
    /// Where the sites come from: `heap profile`, or `allocation probes` where the program keeps
    /// none; `None` when no site is known.
    pub source: Option<&'static str>,
    /// The watch on who allocates; `None` when there was none.
    pub probes: Option<AllocationProbes>,
    /// Allocation sites, largest first; those of the profile are scaled as pprof scales them.
    pub sites: Vec<HeapSiteLine>,
    /// Size classes, those with the largest spans first.
    pub classes: Vec<ClassLine>,
}

/// How the live heap moved from collection to collection.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AfterGcTrend {
    /// Collections it is told from.
    pub collections: u64,
    /// Last minus first.
    pub growth_bytes: i64,
    /// Median slope.
    pub bytes_per_minute: i64,
    /// Ends of its 95 % interval.
    pub bytes_per_minute_low: i64,
    /// Ends of its 95 % interval.
    pub bytes_per_minute_high: i64,
}

/// What one site holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeapSiteLine {
    /// Objects allocated and not freed; `None` where only probes saw it, of this and the next.
    pub inuse_objects: Option<u64>,
    /// Their bytes.
    pub inuse_bytes: Option<u64>,
    /// Bytes allocated since the start of the program; by what probes saw, bytes of spans that were
    /// handed out meanwhile.
    pub alloc_bytes: u64,
    /// In use, against the first reading.
    pub growth_bytes: Option<i64>,
    /// The service's own line in the stack.
    pub origin: Option<StackFrame>,
    /// Innermost first.
    pub stack: Vec<StackFrame>,
}

/// The objects of one size.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassLine {
    /// Bytes of an object; 0 for objects with a span of their own.
    pub object_bytes: u64,
    /// They hold no pointers.
    pub no_pointers: bool,
    /// Objects allocated.
    pub objects: u64,
    /// Bytes of their spans.
    pub bytes: u64,
    /// Bytes of spans, against the first census.
    pub growth_bytes: Option<i64>,
    /// Bytes of objects, the least in the last third of the censuses against the least in the first:
    /// most garbage, which comes and goes, is left out. `None` with fewer than three.
    pub floor_growth_bytes: Option<i64>,
}

impl Heap {
    pub(crate) fn on(process: &Process) -> Option<Self> {
        let go = process.go();
        let runtime = go.runtime()?;
        let counters = go.counters().last();
        let (source, sites) = if go.profile().is_some() {
            (Some("heap profile"), sites(process))
        } else {
            let sites = allocations::sites(process);
            let source = (!sites.is_empty()).then_some("allocation probes");
            (source, sites)
        };
        Some(Self {
            alloc_bytes: counters.map(|now| now.heap_alloc),
            inuse_bytes: counters.map(|now| now.heap_inuse),
            live_bytes: counters.map(|now| now.heap_marked),
            // The end of the range is never.
            goal_bytes: counters
                .map(|now| now.next_gc)
                .filter(|goal| *goal < i64::MAX as u64),
            gc_percent: counters.and_then(|now| now.gc_percent),
            memory_limit_bytes: counters.and_then(|now| now.memory_limit),
            gc_cycles: counters.map(|_| go.gc_cycles()),
            unreadable: runtime.unreadable.clone(),
            after_gc: AfterGcTrend::of(go),
            source,
            probes: AllocationProbes::on(process),
            sites,
            classes: classes(go),
        })
    }
}

impl AfterGcTrend {
    fn of(go: &GoLedger) -> Option<Self> {
        let trend = go.after_gc().trend(|after| Some(after.live))?;
        let per_minute = |slope: f64| (slope * 60.0) as i64;
        Some(Self {
            collections: go.after_gc().seen(),
            growth_bytes: trend.growth(),
            bytes_per_minute: per_minute(trend.slope),
            bytes_per_minute_low: per_minute(trend.interval.0),
            bytes_per_minute_high: per_minute(trend.interval.1),
        })
    }
}

/// `on`, `off` or `linked_out`, as the runtime's heap profiler is.
pub(super) fn profiling(process: &Process) -> Option<&'static str> {
    Some(match process.go().runtime()?.heap_profile? {
        HeapProfiling::On => "on",
        HeapProfiling::Off => "off",
        HeapProfiling::LinkedOut => "linked_out",
    })
}

/// What sites that read alike hold together.
#[derive(Clone, Copy, Default)]
struct Held {
    objects: u64,
    bytes: u64,
    allocated: u64,
    before: u64,
}

impl Held {
    fn add(&mut self, now: &HeapCount, before: Option<&HeapCount>, rate: u64) {
        let (objects, bytes) = in_use(now, rate);
        let (_, allocated) = scaled(now.allocs, now.alloc_bytes, rate);
        self.objects = self.objects.saturating_add(objects);
        self.bytes = self.bytes.saturating_add(bytes);
        self.allocated = self.allocated.saturating_add(allocated);
        let before = before.map_or(0, |count| in_use(count, rate).1);
        self.before = self.before.saturating_add(before);
    }
}

fn sites(process: &Process) -> Vec<HeapSiteLine> {
    let go = process.go();
    let Some(profile) = go.profile() else {
        return Vec::new();
    };
    let rate = go
        .runtime()
        .and_then(|runtime| runtime.sample_bytes)
        .unwrap_or(0);
    let by_id = |profile: &HeapProfile| -> BTreeMap<u64, HeapCount> {
        profile.sites.iter().map(|site| (site.id, *site)).collect()
    };
    let before = profile.before().map(by_id);
    let mut held: BTreeMap<Vec<Line<'_>>, Held> = BTreeMap::new();
    for now in &profile.last().sites {
        let lines = process.symbols().calls(go.site(now.id));
        let old = before.as_ref().and_then(|before| before.get(&now.id));
        held.entry(lines).or_default().add(now, old, rate);
    }
    let mut held: Vec<_> = held
        .into_iter()
        .filter(|(_, held)| held.bytes > 0)
        .collect();
    // The map's order decides between equals.
    held.sort_by_key(|(_, held)| Reverse(held.bytes));
    held.truncate(MAX_SITES);
    held.into_iter()
        .map(|(lines, held)| HeapSiteLine {
            inuse_objects: Some(held.objects),
            inuse_bytes: Some(held.bytes),
            alloc_bytes: held.allocated,
            growth_bytes: before.as_ref().map(|_| difference(held.bytes, held.before)),
            origin: own_line(process, &lines).map(StackFrame::from_frame),
            stack: frames(process, &lines),
        })
        .collect()
}

fn classes(go: &GoLedger) -> Vec<ClassLine> {
    let spans = go.spans();
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else {
        return Vec::new();
    };
    let key = |class: &SpanClass| (class.object_bytes, class.no_pointers);
    let like = |spans: &GoSpans, class: &SpanClass| {
        let mut classes = spans.classes.iter();
        classes.find(|other| key(other) == key(class)).copied()
    };
    let mut classes: Vec<ClassLine> = last
        .classes
        .iter()
        .map(|class| ClassLine {
            object_bytes: class.object_bytes,
            no_pointers: class.no_pointers,
            objects: class.objects,
            bytes: class.bytes,
            growth_bytes: (spans.seen() > 1).then(|| {
                let before = like(first, class).map_or(0, |class| class.bytes);
                difference(class.bytes, before)
            }),
            floor_growth_bytes: spans
                .trend(|spans| Some(like(spans, class).map_or(0, |class| taken(&class))))
                .map(|trend| trend.floor_rise),
        })
        .collect();
    classes.sort_by_key(|class| Reverse(class.bytes));
    classes.truncate(MAX_CLASSES);
    classes
}

/// Bytes of the objects of a class; of large ones their size is not told.
fn taken(class: &SpanClass) -> u64 {
    match class.object_bytes {
        0 => class.bytes,
        bytes => bytes.saturating_mul(class.objects),
    }
}

#[cfg(test)]
mod tests;
