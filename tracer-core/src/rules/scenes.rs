//! Processes as they look from outside, sick and healthy: which rules find something in them.

use crate::event::{
    Backing, CgroupSample, CgroupVersion, EventKind, GoCounters, GoResidency, GoSpans,
    GoroutineGroup, Goroutines, Mapping, MappingUse, MemoryDetail, MemorySample, OtherDescriptors,
    SocketStates, SpanClass, Timestamp,
};
use crate::process::Process;
use crate::report::{Conclusion, Report, Status};

const MIB: u64 = 1 << 20;

/// What is read of a process in one second, in MiB where it is memory.
#[derive(Clone, Copy)]
struct Second {
    rss: u64,
    lazy_free: u64,
    file: u64,
    /// Pages of files that are mapped all the time.
    touched: u64,
    huge: u64,
    live: u64,
    dead: u64,
    free: u64,
    native: u64,
    goroutines: u64,
    collections: u64,
    memory_limit: Option<u64>,
    gc_cpu: f64,
}

/// A service at rest: nothing moves, a collection every second.
const REST: Second = Second {
    rss: 100,
    lazy_free: 0,
    file: 10,
    touched: 0,
    huge: 0,
    live: 40,
    dead: 20,
    free: 10,
    native: 2,
    goroutines: 20,
    collections: 0,
    memory_limit: None,
    gc_cpu: 0.01,
};

/// Watches for half a minute; `at` tells each second.
fn watch(limit: Option<u64>, at: impl Fn(u64, Second) -> Second) -> Process {
    let mut process = Process::default();
    process.apply(Timestamp(0), &EventKind::Descriptors(Vec::new()));
    for second in 0..=30 {
        let rest = Second {
            collections: second,
            ..REST
        };
        for event in readings(&at(second, rest), limit) {
            process.apply(Timestamp(second * 1_000_000_000), &event);
        }
    }
    process
}

fn readings(now: &Second, limit: Option<u64>) -> Vec<EventKind> {
    let cgroup = CgroupSample {
        version: CgroupVersion::V2,
        path: "/shop".to_owned(),
        usage: None,
        limit: limit.map(|limit| limit * MIB),
        high: None,
        anon: None,
        file: None,
        sock: None,
        oom_kills: None,
    };
    vec![
        EventKind::Memory(MemorySample {
            rss: now.rss * MIB,
            anonymous: (now.rss - now.file - now.touched) * MIB,
            lazy_free: Some(now.lazy_free * MIB),
            file: Some((now.file + now.touched) * MIB),
            anon_huge: Some(now.huge * MIB),
            ..MemorySample::default()
        }),
        EventKind::MemoryDetail(MemoryDetail {
            // A file of 1 MiB for each MiB above those at rest.
            mappings: (0..=now.file.saturating_sub(REST.file))
                .map(mapped_file)
                .collect(),
            took_ns: 0,
        }),
        EventKind::Cgroup(Box::new(cgroup)),
        EventKind::GoCounters(Box::new(GoCounters {
            gc_cycles: now.collections,
            heap_marked: now.live * MIB,
            heap_alloc: (now.live + now.dead) * MIB,
            next_gc: 2 * now.live * MIB,
            gc_percent: Some(100),
            gc_cpu_fraction: now.gc_cpu,
            memory_limit: now.memory_limit.map(|limit| limit * MIB),
            goroutines: now.goroutines,
            ..GoCounters::default()
        })),
        EventKind::GoResidency(GoResidency {
            heap_live: now.live * MIB,
            heap_dead: now.dead * MIB,
            heap_free: now.free * MIB,
            native: now.native * MIB,
            ..GoResidency::default()
        }),
        EventKind::GoSpans(spans(now)),
        EventKind::Goroutines(Goroutines {
            total: now.goroutines,
            sampled: now.goroutines,
            groups: vec![GoroutineGroup {
                created_at: 0x40,
                start: 0x50,
                doing: "chan send".to_owned(),
                count: now.goroutines,
                stack_bytes: 2048 * now.goroutines,
                longest_wait_ns: None,
                waits: Vec::new(),
            }],
        }),
        EventKind::Tick,
    ]
}

fn mapped_file(number: u64) -> MappingUse {
    let start = number * MIB;
    MappingUse {
        mapping: Mapping {
            start,
            end: start + MIB,
            prot: 1,
            shared: true,
            backing: Backing::File {
                path: "/srv/data".to_owned(),
                offset: 0,
                inode: 7,
            },
        },
        rss: 0,
        anonymous: 0,
        lazy_free: Some(0),
        anon_huge: 0,
        swap: 0,
    }
}

/// Spans of 1 KiB objects, full but for what is free in the heap.
fn spans(now: &Second) -> GoSpans {
    let bytes = (now.live + now.dead + now.free) * MIB;
    let class = SpanClass {
        object_bytes: 1024,
        no_pointers: false,
        spans: bytes / 8192,
        bytes,
        objects: (now.live + now.dead) * 1024,
        slots: bytes / 1024,
    };
    GoSpans {
        classes: vec![class],
        manual_bytes: 0,
        took_ns: 0,
    }
}

/// Expects the answer, and the rules that found something, in the order of the report.
#[track_caller]
fn check(process: &Process, conclusion: Conclusion, expected: &[&str]) {
    let report = Report::on(process);
    let found: Vec<&str> = report
        .verdicts
        .iter()
        .filter(|verdict| verdict.status == Status::Found)
        .map(|verdict| verdict.rule)
        .collect();
    assert_eq!(
        (report.conclusion, &found[..]),
        (conclusion, expected),
        "{}",
        report.why
    );
}

#[test]
fn a_service_at_rest() {
    check(
        &watch(None, |_, rest| rest),
        Conclusion::NoLeak,
        &["healthy"],
    );
}

#[test]
fn live_heap() {
    let growing = watch(None, |second, rest| Second {
        live: 40 + second,
        rss: 100 + second,
        ..rest
    });
    check(&growing, Conclusion::Leak, &["heap-growth"]);
    // The heap fills, and no collection has run: it may all be garbage.
    let unknown = watch(None, |second, rest| Second {
        dead: 20 + second,
        rss: 100 + second,
        collections: 0,
        ..rest
    });
    check(&unknown, Conclusion::CannotTell, &["gc-headroom"]);
    let warming = watch(None, |second, rest| Second {
        live: 40 + 2 * second.min(10),
        rss: 100 + 2 * second.min(10),
        ..rest
    });
    check(&warming, Conclusion::NoLeak, &["healthy"]);
    let still_warming = watch(None, |second, rest| Second {
        live: 40 + 100 * second / (second + 15),
        rss: 100 + 100 * second / (second + 15),
        ..rest
    });
    check(&still_warming, Conclusion::CannotTell, &[]);
    let shrinking = watch(None, |second, rest| Second {
        live: 80 - second,
        ..rest
    });
    check(&shrinking, Conclusion::NoLeak, &["healthy"]);
    // Between collections the heap saws, and so does RSS.
    let sawing = watch(None, |second, rest| Second {
        dead: 20 + second % 5 * 10,
        rss: 100 + second % 5 * 10,
        collections: second / 5,
        ..rest
    });
    check(&sawing, Conclusion::NoLeak, &["healthy"]);
}

#[test]
fn goroutines() {
    let leaking = watch(None, |second, rest| Second {
        goroutines: 20 + 30 * second,
        ..rest
    });
    check(&leaking, Conclusion::Leak, &["goroutine-leak"]);
    let pool = watch(None, |second, rest| Second {
        goroutines: 20 + 30 * second.min(8),
        ..rest
    });
    check(&pool, Conclusion::NoLeak, &["healthy"]);
    let few = watch(None, |second, rest| Second {
        goroutines: 20 + second,
        ..rest
    });
    check(&few, Conclusion::NoLeak, &["healthy"]);
}

#[test]
fn other_descriptors() {
    let files = |last: u64| {
        let mut process = watch(None, |_, rest| rest);
        for (second, count) in [(1, 10), (29, last)] {
            let listing = SocketStates {
                settled: true,
                others: vec![OtherDescriptors {
                    kind: "file".to_owned(),
                    count,
                }],
                ..SocketStates::default()
            };
            let at = Timestamp(second * 1_000_000_000);
            process.apply(at, &EventKind::SocketStates(listing));
        }
        process
    };
    check(&files(40), Conclusion::NoLeak, &["healthy"]);
    check(&files(400), Conclusion::CannotTell, &[]);
}

#[test]
fn memory_outside_of_the_heap() {
    let native = watch(None, |second, rest| Second {
        native: 2 + second,
        rss: 100 + second,
        ..rest
    });
    check(&native, Conclusion::Leak, &["native-growth"]);
    let files = watch(None, |second, rest| Second {
        file: 10 + second,
        rss: 100 + second,
        ..rest
    });
    check(&files, Conclusion::Leak, &["file-mapping-growth"]);
    // A file that is read on in its one mapping.
    let reading = watch(None, |second, rest| Second {
        touched: second,
        rss: 100 + second,
        ..rest
    });
    check(&reading, Conclusion::NoLeak, &["healthy"]);
}

#[test]
fn free_memory_that_stays_resident() {
    let headroom = watch(None, |_, rest| Second { dead: 60, ..rest });
    check(&headroom, Conclusion::NoLeak, &["gc-headroom", "healthy"]);
    let lazy = watch(None, |_, rest| Second {
        rss: 500,
        lazy_free: 400,
        ..rest
    });
    check(&lazy, Conclusion::NoLeak, &["lazily-freed", "healthy"]);
    let huge = watch(None, |_, rest| Second {
        huge: 30,
        free: 30,
        ..rest
    });
    check(
        &huge,
        Conclusion::NoLeak,
        &["gc-headroom", "huge-page-inflation", "healthy"],
    );
    let fragmented = watch(None, |_, rest| Second {
        rss: 200,
        live: 10,
        dead: 0,
        free: 60,
        ..rest
    });
    check(
        &fragmented,
        Conclusion::NoLeak,
        &["fragmentation", "healthy"],
    );
}

#[test]
fn limits() {
    let at_rest = |limit: Option<u64>, told: Option<u64>, gc_cpu: f64| {
        watch(limit, move |_, rest| Second {
            memory_limit: told,
            gc_cpu,
            ..rest
        })
    };
    let both = ["memory-limit", "healthy"];
    check(&at_rest(Some(120), None, 0.01), Conclusion::NoLeak, &both);
    check(
        &at_rest(Some(120), Some(119), 0.01),
        Conclusion::NoLeak,
        &both,
    );
    check(
        &at_rest(Some(120), Some(100), 0.01),
        Conclusion::NoLeak,
        &["healthy"],
    );
    check(
        &at_rest(Some(400), None, 0.01),
        Conclusion::NoLeak,
        &["healthy"],
    );
    // Little room to collect in.
    check(&at_rest(None, Some(44), 0.4), Conclusion::NoLeak, &both);
    check(
        &at_rest(None, Some(44), 0.1),
        Conclusion::NoLeak,
        &["healthy"],
    );
}
