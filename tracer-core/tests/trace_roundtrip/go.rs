//! What a Go runtime may say.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tracer_core::event::{
    EventKind, FoundBy, GoCounters, GoResidency, GoRuntime, GoSpans, GoroutineGroup, GoroutineWait,
    Goroutines, HeapCount, HeapProfile, HeapProfiling, HeapSite, HeldSite, Holders, Owner,
    OwnerKind, SpanClass, StackId,
};

use super::number::{perhaps, text, wide, word};

/// Any event about the Go runtime.
pub(crate) fn go() -> impl Strategy<Value = EventKind> {
    prop_oneof![
        runtime(),
        counters(),
        spans(),
        residency(),
        sites(),
        profile(),
        goroutines(),
        holders(),
    ]
}

fn runtime() -> impl Strategy<Value = EventKind> {
    let found_by = proptest::sample::select(vec![FoundBy::Symbols, FoundBy::Code]);
    let profiling = proptest::sample::select(vec![
        HeapProfiling::On,
        HeapProfiling::Off,
        HeapProfiling::LinkedOut,
    ]);
    let parts = (
        option::of(found_by),
        option::of(text()),
        option::of(profiling),
        perhaps(),
    );
    parts.prop_map(|(found_by, unreadable, heap_profile, sample_bytes)| {
        EventKind::GoRuntime(GoRuntime {
            found_by,
            unreadable,
            heap_profile,
            sample_bytes,
        })
    })
}

fn counters() -> impl Strategy<Value = EventKind> {
    let known = [(); 13].map(|()| wide());
    let unknown = (option::of(word()), perhaps(), perhaps(), perhaps());
    (known, 0.0..1.0, unknown).prop_map(|(known, gc_cpu_fraction, unknown)| {
        let [
            gc_cycles,
            forced_gc_cycles,
            last_gc_unix_ns,
            pause_total_ns,
            heap_alloc,
            heap_inuse,
            heap_free,
            heap_released,
            heap_marked,
            next_gc,
            stacks_inuse,
            runtime_sys,
            goroutines,
        ] = known;
        let (gc_percent, memory_limit, threads, processors) = unknown;
        EventKind::GoCounters(Box::new(GoCounters {
            gc_cycles,
            forced_gc_cycles,
            last_gc_unix_ns,
            pause_total_ns,
            gc_cpu_fraction,
            heap_alloc,
            heap_inuse,
            heap_free,
            heap_released,
            heap_marked,
            next_gc,
            gc_percent,
            memory_limit,
            stacks_inuse,
            runtime_sys,
            goroutines,
            threads,
            processors,
        }))
    })
}

fn spans() -> impl Strategy<Value = EventKind> {
    let class = (wide(), any::<bool>(), [wide(), wide(), wide(), wide()]).prop_map(
        |(object_bytes, no_pointers, [spans, bytes, objects, slots])| SpanClass {
            object_bytes,
            no_pointers,
            spans,
            bytes,
            objects,
            slots,
        },
    );
    (vec(class, 0..4), wide(), wide()).prop_map(|(classes, manual_bytes, took_ns)| {
        EventKind::GoSpans(GoSpans {
            classes,
            manual_bytes,
            took_ns,
        })
    })
}

fn residency() -> impl Strategy<Value = EventKind> {
    let numbers = [(); 7].map(|()| wide());
    (numbers, any::<bool>()).prop_map(|(numbers, by_page)| {
        let [
            heap_live,
            heap_dead,
            heap_free,
            stacks,
            runtime,
            native,
            jitter,
        ] = numbers;
        EventKind::GoResidency(GoResidency {
            heap_live,
            heap_dead,
            heap_free,
            stacks,
            runtime,
            native,
            by_page,
            jitter,
        })
    })
}

fn sites() -> impl Strategy<Value = EventKind> {
    let parts = (
        wide(),
        vec(wide(), 0..9),
        wide(),
        word(),
        proptest::bool::ANY,
    );
    let site = parts.prop_map(
        |(id, addresses, object_bytes, hidden, ends_at_entry)| HeapSite {
            id,
            addresses,
            object_bytes,
            hidden,
            ends_at_entry,
        },
    );
    vec(site, 0..4).prop_map(EventKind::HeapSites)
}

fn profile() -> impl Strategy<Value = EventKind> {
    let count =
        [(); 5]
            .map(|()| wide())
            .prop_map(|[id, allocs, frees, alloc_bytes, free_bytes]| HeapCount {
                id,
                allocs,
                frees,
                alloc_bytes,
                free_bytes,
            });
    (wide(), vec(count, 0..4), wide()).prop_map(|(cycle, sites, left_out)| {
        EventKind::HeapProfile(HeapProfile {
            cycle,
            sites,
            left_out,
        })
    })
}

fn goroutines() -> impl Strategy<Value = EventKind> {
    let wait = (wide(), wide()).prop_map(|(stack, count)| GoroutineWait {
        stack: StackId(stack),
        count,
    });
    let waits = vec(wait, 0..3);
    let group = (wide(), wide(), text(), wide(), wide(), perhaps(), waits).prop_map(
        |(created_at, start, doing, count, stack_bytes, longest_wait_ns, waits)| GoroutineGroup {
            created_at,
            start,
            doing,
            count,
            stack_bytes,
            longest_wait_ns,
            waits,
        },
    );
    (wide(), wide(), vec(group, 0..4)).prop_map(|(total, sampled, groups)| {
        EventKind::Goroutines(Goroutines {
            total,
            sampled,
            groups,
        })
    })
}

fn holders() -> impl Strategy<Value = EventKind> {
    let kinds = [
        OwnerKind::Variable,
        OwnerKind::VariableByCode,
        OwnerKind::Goroutine,
        OwnerKind::Timer,
        OwnerKind::Finalizer,
    ];
    let kind = proptest::sample::select(kinds.to_vec());
    // A line each: what is in a list is neither empty nor of several lines.
    let lines = || vec("[a-z→….*]{1,9}", 0..4);
    let owner = (kind, text(), lines(), wide(), wide(), lines()).prop_map(
        |(kind, name, used_by, objects, shared, path)| Owner {
            kind,
            name,
            used_by,
            objects,
            shared,
            path,
        },
    );
    let site = (perhaps(), [(); 4].map(|()| wide()), vec(owner, 0..3)).prop_map(
        |(site, [object_bytes, live_bytes, sampled, reached], owners)| HeldSite {
            site,
            object_bytes,
            live_bytes,
            sampled,
            reached,
            owners,
        },
    );
    let incomplete = proptest::option::of(text());
    (vec(site, 0..4), wide(), wide(), incomplete, any::<bool>()).prop_map(
        |(sites, took_ns, bytes_read, incomplete, is_part)| {
            EventKind::Holders(Holders {
                sites,
                took_ns,
                bytes_read,
                incomplete,
                is_part,
            })
        },
    )
}
