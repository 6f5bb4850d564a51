use tracer_core::event::Mapping;

use super::super::counters::Counters;
use super::super::spans::Census;
use super::*;

const BASE: u64 = 0xc0_0000_0000;

fn place(page: u64, pages: u32, full: u8, used: Use) -> Place {
    Place {
        first_page: BASE / PAGE + page,
        pages,
        full,
        used,
    }
}

fn heap(places: Vec<Place>) -> Heap {
    Heap {
        counters: Counters {
            heap_marked: 3 * PAGE,
            mspan_sys: 100,
            ..Counters::default()
        },
        census: Census {
            places: Some(places),
            arenas: vec![BASE],
            object_bytes: 4 * PAGE,
            ..Census::default()
        },
        jitter: 7,
    }
}

fn mapping(range: Range<u64>, anonymous: u64, name: &str) -> MappingUse {
    let backing = if name.starts_with('/') {
        Backing::File {
            path: name.to_owned(),
            offset: 0,
            inode: 1,
        }
    } else {
        Backing::Anonymous {
            name: name.to_owned(),
        }
    };
    MappingUse {
        mapping: Mapping {
            start: range.start,
            end: range.end,
            prot: 3,
            shared: false,
            backing,
        },
        rss: anonymous,
        anonymous,
        lazy_free: Some(0),
        anon_huge: 0,
        swap: 0,
    }
}

fn mappings() -> Vec<MappingUse> {
    let arena = BASE..BASE + (4 << 20);
    vec![
        mapping(0x1000..0x2000, 10, "/srv/shop"),
        mapping(0x2000..0x3000, 20, ""),
        mapping(0x5000..0x6000, 30, "[heap]"),
        mapping(arena, 9 * PAGE, ""),
        mapping(0x7f00_0000_0000..0x7f00_0000_1000, 90, ""),
        mapping(0x7f10_0000_0000..0x7f10_1000_0000, 5000, ""),
        mapping(0x7f20_0000_0000..0x7f20_0000_1000, 40, "/lib/libc.so.6"),
    ]
}

#[track_caller]
fn check(present: Option<&[Range<u64>]>, lazy: u64, expected: [u64; 4]) -> GoResidency {
    let heap = heap(vec![
        place(0, 2, 255, Use::Objects),
        place(2, 1, 0, Use::Objects),
        place(4, 2, 255, Use::Manual),
    ]);
    let mut mappings = mappings();
    mappings[3].lazy_free = Some(lazy);
    let exe = "/srv/shop";
    let known = Known {
        heap: &heap,
        mappings: &mappings,
        present,
        exe,
    };
    let found = residency(&known).unwrap_or_default();
    let parts = [
        found.heap_live,
        found.heap_dead,
        found.heap_free,
        found.stacks,
    ];
    assert_eq!(parts.map(|bytes| bytes * 4 / PAGE), expected, "{found:?}");
    found
}

#[test]
fn resident_pages_of_the_heap() {
    // In quarters of a page. All of the first span, of which 3 of 4 bytes are live.
    let all = BASE..BASE + 9 * PAGE;
    let found = check(Some(&[all]), 0, [6, 2, 20, 8]);
    assert_eq!(
        (found.runtime, found.native, found.jitter),
        (10 + 20 + 90, 30 + 40 + 5000, 7)
    );
    // Half of the first span; one page of the stacks; one that is in none.
    let pieces = [BASE..BASE + PAGE, BASE + 5 * PAGE..BASE + 7 * PAGE];
    check(Some(&pieces), 0, [3, 1, 4, 4]);
    check(Some(&[]), 0, [0, 0, 0, 0]);
}

#[test]
fn what_was_given_back_is_not_counted_again() {
    let all = BASE..BASE + 9 * PAGE;
    check(Some(std::slice::from_ref(&all)), 4 * PAGE, [6, 2, 4, 8]);
    let found = check(Some(&[all]), 6 * PAGE, [6, 2, 0, 8]);
    assert_eq!(found.jitter, 7 + PAGE);
}

#[test]
fn without_pages_what_is_in_use_comes_first() {
    let found = check(None, 0, [6, 2, 20, 8]);
    assert!(!found.by_page);
}

#[test]
fn the_ranges_to_ask_for_are_those_of_the_arenas() {
    let ranges = heap_ranges(&heap(Vec::new()), &mappings());
    assert_eq!(
        ranges.as_slice(),
        std::slice::from_ref(&(BASE..BASE + (4 << 20)))
    );
}
