//! From what the readers say to what the engine is told.

use std::collections::BTreeMap;
use std::time::Duration;

use tracer_core::event::{
    Ancestor, EventKind, GoCounters, GoSpans, GoroutineGroup, GoroutineWait, Goroutines as Event,
    HeapProfile as Profile, SpanClass,
};

use crate::go::runtime::heap_profile::HeapProfile;
use crate::go::runtime::{Birth, Census, Counters, Goroutines, Kind};
use crate::source::sink::now;

/// Sites told of one profile.
const MAX_SITES: usize = 100_000;

pub(super) fn counters(now: &Counters) -> EventKind {
    let parts = [
        now.mspan_sys,
        now.mcache_sys,
        now.buck_hash_sys,
        now.gc_sys,
        now.other_sys,
    ];
    EventKind::GoCounters(Box::new(GoCounters {
        gc_cycles: now.gc_cycles.into(),
        forced_gc_cycles: now.forced_gc_cycles.into(),
        last_gc_unix_ns: now.last_gc_unix_ns,
        pause_total_ns: now.pause_total_ns,
        gc_cpu_fraction: now.gc_cpu_fraction,
        // Older releases do not count it from moment to moment.
        heap_alloc: now.heap_alloc.unwrap_or(now.heap_live),
        heap_inuse: now.heap_inuse,
        heap_free: now.heap_idle.saturating_sub(now.heap_released),
        heap_released: now.heap_released,
        heap_marked: now.heap_marked,
        next_gc: now.next_gc,
        gc_percent: now.gc_percent,
        memory_limit: now.memory_limit,
        stacks_inuse: now.stack_inuse,
        runtime_sys: parts.into_iter().fold(0, u64::saturating_add),
        goroutines: now.goroutines.unwrap_or(0),
        threads: now.threads,
        processors: Some(now.processors),
    }))
}

pub(super) fn spans(census: &Census, took: Duration) -> EventKind {
    let classes = census.classes.iter().map(|class| SpanClass {
        object_bytes: class.slot_bytes,
        no_pointers: class.no_pointers,
        spans: class.spans,
        bytes: class.bytes,
        objects: class.objects,
        slots: class.slots,
    });
    EventKind::GoSpans(GoSpans {
        classes: classes.collect(),
        manual_bytes: census.manual_bytes,
        took_ns: took.as_nanos() as u64,
    })
}

pub(super) fn births(found: &[Birth]) -> EventKind {
    let ancestors = found.iter().map(|birth| Ancestor {
        goroutine: birth.goroutine,
        creator: birth.parent,
        created_at: birth.created_at,
    });
    EventKind::Ancestors(ancestors.collect())
}

/// `waits` says where they wait, `counted` how many there are by the runtime's own count.
pub(super) fn goroutines(
    found: &Goroutines,
    mut waits: BTreeMap<Kind, Vec<GoroutineWait>>,
    counted: Option<u64>,
) -> EventKind {
    let now = now().0;
    let groups = found.groups.iter().map(|(kind, group)| GoroutineGroup {
        created_at: kind.created_at,
        start: kind.start,
        doing: kind.doing.to_owned(),
        count: group.count,
        stack_bytes: group.stack_bytes,
        longest_wait_ns: group.waiting_since.map(|since| now.saturating_sub(since)),
        waits: waits.remove(kind).unwrap_or_default(),
    });
    let groups: Vec<GoroutineGroup> = groups.collect();
    let sampled = found.counted();
    // All were looked at where the stride is 1.
    let total = if found.stride <= 1 {
        sampled
    } else {
        counted.unwrap_or(sampled.saturating_mul(found.stride))
    };
    EventKind::Goroutines(Event {
        total,
        sampled,
        groups,
    })
}

pub(super) fn heap_profile(profile: &HeapProfile) -> EventKind {
    let mut sites: Vec<_> = profile
        .buckets()
        .take(MAX_SITES)
        .map(|(bucket, _)| bucket.event())
        .collect();
    sites.sort_by_key(|site| site.id);
    let all = profile.buckets().len();
    EventKind::HeapProfile(Profile {
        cycle: profile.cycle,
        left_out: (all - sites.len()) as u64,
        sites,
    })
}
