//! The runtime of Go programs at rest, read from outside, against what they say of themselves:
//! `runtime.ReadMemStats`, `runtime.NumGoroutine`, `runtime.Stack`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod go_runtime {
    pub(crate) mod quiet;
    pub(crate) mod stacks;
}

use std::collections::BTreeMap;

use go_runtime::quiet::{Call, Quiet, Waits};
use go_runtime::stacks;
use tracer_core::event::{FoundBy, MappingUse};
use tracer_tests::{Flag, GoVersion};
use tracer_user::go::runtime::residency::{Known, heap_ranges, present, residency};
use tracer_user::go::runtime::{Counters, Heap, read_goroutines, read_heap};

const STRIPPED: &[Flag] = &[Flag::Stripped];
const PIE: &[Flag] = &[Flag::Pie, Flag::Stripped];
const CGO: &[Flag] = &[Flag::Cgo];
const CGO_PIE: &[Flag] = &[Flag::Cgo, Flag::Pie, Flag::Stripped];

/// Releases for the rarer ways to link.
const SOME: &[u32] = &[11, 15, 20, 24, 26, 27];

#[test]
fn all_is_what_the_program_says() {
    for &go in GoVersion::MINORS {
        check(go, &[], FoundBy::Symbols);
        check(go, STRIPPED, FoundBy::Code);
        if SOME.contains(&go.minor()) {
            check(go, PIE, FoundBy::Code);
            check(go, CGO, FoundBy::Symbols);
            check(go, CGO_PIE, FoundBy::Code);
        }
    }
}

#[track_caller]
fn check(go: GoVersion, flags: &[Flag], found_by: FoundBy) {
    let named = format!("go{} {flags:?}", go.number());
    let quiet = Quiet::start(go, flags, &[]);
    assert_eq!(quiet.globals.found_by, found_by, "{named}");
    let Heap {
        counters,
        census,
        jitter,
    } = read_heap(&quiet.process, &quiet.globals, None, true).unwrap_or_else(|doubt| {
        panic!("{named}: {doubt}, {:?}", quiet.process.stopped());
    });
    for (name, ours) in pairs(&counters) {
        assert_eq!(quiet.said(name), ours, "{named} {name}: {counters:?}");
    }
    let said = quiet.said("HeapAlloc");
    assert_eq!(census.object_bytes, said, "{named}");
    assert_eq!(counters.heap_alloc.unwrap_or(said), said, "{named}");
    assert_eq!(census.in_use_bytes, counters.heap_inuse, "{named}");
    assert_eq!((jitter, census.torn), (0, 0), "{named}");
    assert_eq!(counters.gc_percent, Some(150), "{named}");
    assert_eq!(counters.memory_limit, None, "{named}");
    // With C code the runtime keeps one for a thread that C may make.
    let spare = u64::from(flags.contains(&Flag::Cgo));
    assert_eq!(counters.threads, Some(quiet.threads() + spare), "{named}");
    // Stacks, and buffers of a collector at rest.
    assert!(census.manual_bytes >= counters.stack_inuse, "{named}");
    let places = census.places.unwrap();
    let pages: u64 = places.iter().map(|place| u64::from(place.pages)).sum();
    let bytes = census.in_use_bytes + census.manual_bytes;
    assert_eq!(pages * 8192, bytes, "{named}");
    let apart = |pair: &[_]| {
        let [before, after]: &[tracer_user::go::runtime::Place; 2] = pair.try_into().unwrap();
        before.first_page + u64::from(before.pages) <= after.first_page
    };
    assert!(places.windows(2).all(apart), "{named}");

    let ours = read_goroutines(&quiet.process, &quiet.globals, |start| {
        quiet.is_runtime(start)
    });
    let ours = ours.unwrap();
    assert_eq!(
        (ours.stride, ours.torn, ours.left_out),
        (1, 0, 0),
        "{named}"
    );
    assert_eq!(ours.counted(), quiet.said("NumGoroutine"), "{named}");
    assert_eq!(quiet.sites(&ours), stacks::sites(&quiet.stacks), "{named}");
    check_waits(&quiet.waits(&ours), &stacks::waits(&quiet.stacks), &named);
    check_residency(&quiet, &named);
    quiet.end();
}

/// Of each kind so many stacks are read as there are, up to a limit; each is what the program prints,
/// of deep ones the inner part.
#[track_caller]
fn check_waits(ours: &Waits, said: &Waits, named: &str) {
    assert!(ours.keys().eq(said.keys()), "{named}: {ours:#?}");
    for (site, stacks) in ours {
        let all = &said[site];
        let count = |stacks: &BTreeMap<_, u64>| stacks.values().sum::<u64>();
        assert_eq!(count(stacks), count(all).min(32), "{named} {site:?}");
        for stack in stacks.keys() {
            let is_same = |said: &Vec<Call>| {
                let common = said.len().min(stack.len());
                said[..common] == stack[..common] && (common == said.len() || common >= 30)
            };
            assert!(all.keys().any(is_same), "{named} {site:?}: {stack:#?}");
        }
    }
}

/// All resident anonymous memory of a process at rest has a place.
#[track_caller]
fn check_residency(quiet: &Quiet, named: &str) {
    let heap = read_heap(&quiet.process, &quiet.globals, None, true).unwrap();
    let mappings = quiet.mappings();
    let present = present(quiet.pid(), &heap_ranges(&heap, &mappings)).unwrap();
    let known = Known {
        heap: &heap,
        mappings: &mappings,
        present: Some(&present),
        exe: &quiet.path,
    };
    let found = residency(&known).unwrap();
    let parts = [
        found.heap_live,
        found.heap_dead,
        found.heap_free,
        found.stacks,
        found.runtime,
        found.native,
    ];
    let anonymous = |found: &MappingUse| found.anonymous - found.lazy_free.unwrap_or(0);
    let resident: u64 = mappings.iter().map(anonymous).sum();
    let sum: u64 = parts.iter().sum();
    assert!(
        sum.abs_diff(resident) <= 64 << 10,
        "{named}: {found:?} {resident}"
    );
    // The small objects were written to, most of the buffers were not; all was marked a moment ago.
    let objects = heap.census.object_bytes;
    let resident = found.heap_live + found.heap_dead;
    assert!(
        (960_000..=objects).contains(&resident),
        "{named}: {found:?} {objects}"
    );
    assert!(found.heap_live * 100 >= resident * 85, "{named}: {found:?}");
    assert!(
        found.stacks <= heap.census.manual_bytes && found.stacks > 0,
        "{named}: {found:?}"
    );
    assert!(found.runtime > 100 << 10, "{named}: {found:?}");
}

/// Names in `runtime.MemStats`, and our values.
fn pairs(counters: &Counters) -> [(&'static str, u64); 18] {
    [
        ("HeapInuse", counters.heap_inuse),
        ("HeapIdle", counters.heap_idle),
        ("HeapReleased", counters.heap_released),
        ("HeapSys", counters.heap_sys),
        ("StackInuse", counters.stack_inuse),
        ("StackSys", counters.stack_sys),
        ("MSpanSys", counters.mspan_sys),
        ("MCacheSys", counters.mcache_sys),
        ("BuckHashSys", counters.buck_hash_sys),
        ("GCSys", counters.gc_sys),
        ("OtherSys", counters.other_sys),
        ("NextGC", counters.next_gc),
        ("LastGC", counters.last_gc_unix_ns),
        ("PauseTotalNs", counters.pause_total_ns),
        ("LastPause", counters.last_pause_ns.unwrap_or_default()),
        ("NumGC", u64::from(counters.gc_cycles)),
        ("NumForcedGC", u64::from(counters.forced_gc_cycles)),
        ("GOMAXPROCS", counters.processors),
    ]
}

#[test]
fn goals_under_a_memory_limit_and_without_collections() {
    for &go in GoVersion::MINORS.iter().filter(|go| go.minor() >= 19) {
        for limit in ["20", "100"] {
            let quiet = Quiet::start(go, STRIPPED, &[("GOMEMLIMIT", &format!("{limit}MiB"))]);
            let heap = read_heap(&quiet.process, &quiet.globals, None, false).unwrap();
            let bytes = limit.parse::<u64>().unwrap() << 20;
            assert_eq!(heap.counters.memory_limit, Some(bytes), "{go:?}");
            check_goal(&heap, &quiet, go);
            quiet.end();
        }
    }
    for &go in GoVersion::MINORS.iter().filter(|go| go.minor() % 5 == 1) {
        let quiet = Quiet::start(go, STRIPPED, &[("PERCENT", "-1")]);
        let heap = read_heap(&quiet.process, &quiet.globals, None, false).unwrap();
        assert_eq!(heap.counters.gc_percent, None, "{go:?}");
        check_goal(&heap, &quiet, go);
        quiet.end();
    }
}

/// A goal under a memory limit moves with what is mapped, and the scavenger gives back 64 KiB at a time
/// between the two readings.
#[track_caller]
fn check_goal(heap: &Heap, quiet: &Quiet, go: GoVersion) {
    let (ours, own) = (heap.counters.next_gc, quiet.said("NextGC"));
    assert!(ours.abs_diff(own) <= 256 << 10, "{go:?}: {ours}, not {own}");
}
