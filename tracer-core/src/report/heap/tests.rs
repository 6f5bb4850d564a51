//! From what a runtime said to heap and goroutines of the report, as JSON and text.

#![expect(clippy::unwrap_used, reason = "tests")]

use crate::event::{
    Creation, CreatorWatch, EventKind, Frame, GoCounters, GoRuntime, GoSpans, GoroutineGroup,
    Goroutines, HeapCount, HeapProfile, HeapProfiling, HeapSite, SpanClass, StackId, StackTrace,
    Symbol, Timestamp,
};
use crate::process::Process;
use crate::report::{Report, text};

const MIB: u64 = 1 << 20;

/// A process, one event a second.
fn process(events: impl IntoIterator<Item = EventKind>) -> Process {
    let mut process = Process::default();
    for (second, event) in events.into_iter().enumerate() {
        process.apply(Timestamp(second as u64 * 1_000_000_000), &event);
    }
    process
}

fn runtime(heap_profile: HeapProfiling) -> EventKind {
    EventKind::GoRuntime(GoRuntime {
        found_by: None,
        unreadable: None,
        heap_profile: Some(heap_profile),
        // Every allocation is sampled.
        sample_bytes: Some(1),
    })
}

fn counters(gc_cycles: u64, heap_marked: u64) -> EventKind {
    EventKind::GoCounters(Box::new(GoCounters {
        gc_cycles,
        heap_marked: heap_marked * MIB,
        heap_alloc: (heap_marked + 1) * MIB,
        next_gc: 2 * heap_marked * MIB,
        gc_percent: Some(100),
        ..GoCounters::default()
    }))
}

fn named(address: u64, is_return: bool, function: &str, line: u32) -> Symbol {
    Symbol {
        address,
        is_return,
        frames: vec![
            Frame {
                function: function.to_owned(),
                file: "/srv/shop.go".to_owned(),
                line,
                go: true,
                ..Frame::default()
            },
            // Where the call was inlined; the next address stands for it.
            Frame {
                function: "main.outer".to_owned(),
                ..Frame::default()
            },
        ],
        frameless: false,
    }
}

fn profile(cycle: u64, objects: [u64; 2]) -> EventKind {
    let count = |id, objects| HeapCount {
        id,
        allocs: objects + 2,
        frees: 2,
        alloc_bytes: (objects + 2) * MIB,
        free_bytes: 2 * MIB,
    };
    EventKind::HeapProfile(HeapProfile {
        cycle,
        sites: vec![count(7, objects[0]), count(8, objects[1])],
        left_out: 0,
    })
}

#[test]
fn sites_that_read_alike_are_one() {
    let sites = [(7, vec![0x10, 0x20, 0x30]), (8, vec![0x11, 0x20, 0x30])];
    let sites = sites.map(|(id, addresses)| HeapSite {
        id,
        addresses,
        ..HeapSite::default()
    });
    let report = Report::on(&process([
        EventKind::Process(Box::default()),
        runtime(HeapProfiling::On),
        EventKind::HeapSites(sites.to_vec()),
        EventKind::Symbols(vec![
            named(0x10, true, "main.load", 12),
            named(0x11, true, "main.load", 12),
            named(0x20, true, "main.main", 5),
            named(0x30, true, "runtime.goexit", 1),
        ]),
        profile(1, [3, 4]),
        profile(2, [5, 9]),
    ]));
    assert_eq!(report.process.heap_profile, Some("on"));
    let heap = report.heap.as_ref().unwrap();
    let [site] = &heap.sites[..] else {
        panic!("{:?}", heap.sites);
    };
    assert_eq!(
        (
            site.inuse_objects.unwrap(),
            site.inuse_bytes.unwrap(),
            site.growth_bytes
        ),
        (14, 14 * MIB, Some(7 * MIB as i64))
    );
    assert_eq!(site.alloc_bytes, 18 * MIB);
    let stack: Vec<&str> = site.stack.iter().map(|frame| &*frame.function).collect();
    assert_eq!(stack, ["main.load", "main.main"]);
    let text = text(&report);
    for line in [
        "14.0 MiB (+7.0 MiB) in 14 objects allocated by\n        main.load (shop.go:12)\n",
        "Go heap\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn live_heap_from_collection_to_collection() {
    let readings = (10..16).map(|cycle| counters(cycle, 2 * cycle));
    let events = std::iter::once(runtime(HeapProfiling::LinkedOut)).chain(readings);
    let report = Report::on(&process(events));
    let heap = report.heap.as_ref().unwrap();
    assert_eq!(heap.gc_cycles, Some(5));
    let trend = heap.after_gc.unwrap();
    assert_eq!((trend.collections, trend.growth_bytes), (5, 8 * MIB as i64));
    assert_eq!(trend.bytes_per_minute, 120 * MIB as i64);
    let text = text(&report);
    for line in [
        "31.0 MiB in objects; 30.0 MiB were live after the last collection; the next one ends at \
         60.0 MiB\n  (GOGC 100)",
        "5 collections while watching: live heap +8.0 MiB from the first to the last, median slope",
        "nothing in it refers to runtime.MemProfile",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn size_classes_stand_in_where_there_are_no_sites() {
    let census = |bytes| {
        let class = |object_bytes, no_pointers, bytes| SpanClass {
            object_bytes,
            no_pointers,
            spans: 3,
            bytes,
            objects: 4,
            slots: 5,
        };
        EventKind::GoSpans(GoSpans {
            classes: vec![class(96, false, bytes), class(0, true, 2 * MIB)],
            manual_bytes: 0,
            took_ns: 0,
        })
    };
    let report = Report::on(&process([
        runtime(HeapProfiling::Off),
        census(MIB),
        census(4 * MIB),
    ]));
    let text = text(&report);
    for line in [
        "    4.0 MiB (+3.0 MiB): 4 objects of 96 bytes\n",
        "    2.0 MiB (+0.0 MiB): 4 large objects, without pointers\n",
        "runtime.MemProfileRate is 0",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

/// Goroutines of one site, and three that were seen to be created: the report on its line.
fn turnover(watch: impl IntoIterator<Item = EventKind>) -> (Option<u64>, Option<u64>) {
    let census = |count| {
        let group = GoroutineGroup {
            created_at: 0x40,
            start: 0x50,
            doing: "select".to_owned(),
            count,
            stack_bytes: 0,
            longest_wait_ns: None,
            waits: Vec::new(),
        };
        EventKind::Goroutines(Goroutines {
            total: count,
            sampled: count,
            groups: vec![group],
        })
    };
    let stack = EventKind::Stack(StackTrace {
        id: StackId(7),
        addresses: vec![0x30, 0x40],
        leaf_word: None,
        recovered_at: None,
        truncated: false,
    });
    let created = |goroutine| {
        EventKind::Created(Creation {
            goroutine,
            creator: None,
            stack: Some(StackId(7)),
        })
    };
    let events = watch.into_iter().chain([
        stack,
        census(4),
        created(9),
        created(10),
        created(11),
        census(5),
    ]);
    let goroutines = Report::on(&process(events)).goroutines.unwrap();
    (goroutines.sites[0].created, goroutines.sites[0].ended)
}

#[test]
fn goroutines_created_and_ended() {
    let watch = |watching| {
        EventKind::CreatorWatch(CreatorWatch {
            watching,
            reason: String::new(),
        })
    };
    assert_eq!(turnover([]), (None, None));
    assert_eq!(turnover([watch(true)]), (Some(3), Some(2)));
    // What was created in between is not known.
    assert_eq!(turnover([watch(true), watch(false)]), (Some(3), None));
}

#[test]
fn goroutines_by_creation_site() {
    let census = |waiting, total, sampled| {
        let group = |doing: &str, count| GoroutineGroup {
            created_at: 0x40,
            start: 0x50,
            doing: doing.to_owned(),
            count,
            stack_bytes: count * 2048,
            longest_wait_ns: (doing == "chan receive").then_some(3_000_000_000),
            waits: Vec::new(),
        };
        EventKind::Goroutines(Goroutines {
            total,
            sampled,
            groups: vec![group("chan receive", waiting), group("running", 1)],
        })
    };
    let report = Report::on(&process([
        EventKind::Symbols(vec![
            named(0x40, true, "main.handle", 41),
            named(0x50, false, "main.worker", 60),
        ]),
        census(4, 5, 5),
        census(9, 20, 10),
    ]));
    let goroutines = report.goroutines.as_ref().unwrap();
    assert_eq!((goroutines.total, goroutines.growth), (20, Some(15)));
    let [site] = &goroutines.sites[..] else {
        panic!("{:?}", goroutines.sites);
    };
    // Half of them were looked at.
    assert_eq!((site.count, site.growth), (20, Some(15)));
    assert_eq!(site.stack_bytes, 2 * 10 * 2048);
    assert_eq!(site.longest_wait_seconds, Some(3.0));
    let text = text(&report);
    let line =
        "20 (+15) main.worker (shop.go:60), created by main.handle (shop.go:41), chan receive";
    assert!(text.contains(line), "{text}");
    assert!(text.contains("10 of them were looked at"), "{text}");
}
