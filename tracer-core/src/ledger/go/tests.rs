//! Tests of what is kept of the readings of the Go runtime.

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
fn the_collection_before_watching_counts_if_it_is_near() {
    // When it ended by the program's clock; those that were watched are 20 s apart.
    let seen = |ended: u64| {
        const SECOND: u64 = 1_000_000_000;
        let mut ledger = GoLedger::default();
        let ends = [ended, 100, 110, 120];
        for (cycle, [at, last]) in [[90, 0], [100, 1], [110, 2], [120, 3]]
            .into_iter()
            .enumerate()
        {
            let counters = GoCounters {
                last_gc_unix_ns: (1_000_000 + ends[last]) * SECOND,
                ..counters(cycle as u64 + 7, 10 * cycle as u64)
            };
            ledger.add_counters(Timestamp(at as u64 * SECOND), &counters);
        }
        let points = ledger.live_heap().into_iter();
        points
            .map(|point| (point.seconds, point.bytes))
            .collect::<Vec<_>>()
    };
    assert_eq!(seen(85), [(0.0, 0), (15.0, 10), (25.0, 20), (35.0, 30)]);
    let watched = [(0.0, 10), (10.0, 20), (20.0, 30)];
    assert_eq!(seen(75), watched);
    // A clock that was set back: by less than the distance, and by more.
    assert_eq!(seen(95), watched);
    assert_eq!(seen(130), watched);
    assert!(GoLedger::default().live_heap().is_empty());
}

#[test]
fn ends_are_the_first_and_the_newest() {
    let mut ledger = GoLedger::default();
    assert!(ledger.goroutines().is_none());
    for (total, minutes) in [(1, 0.0), (2, 0.5), (3, 1.0)] {
        let census = Goroutines {
            total,
            ..Goroutines::default()
        };
        ledger.add_goroutines(Timestamp(total * 30_000_000_000), &census);
        let ends = ledger.goroutines().unwrap();
        let found = (ends.first().total, ends.last().total, ends.minutes());
        assert_eq!(found, (1, total, minutes));
        assert_eq!(ends.before().is_some(), total > 1);
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
