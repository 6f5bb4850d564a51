//! Tests of the VMA ledger: one behaviour a line.

use super::remap::MREMAP_DONTUNMAP;
use super::*;
use crate::event::Errno;

pub(super) const PAGE: u64 = 4096;
const PRIVATE: u32 = MAP_PRIVATE | MAP_ANONYMOUS;

pub(super) fn call(what: Syscall, outcome: u64, entered: Option<u64>) -> Call {
    Call {
        tid: 1,
        entered: entered.map(Timestamp),
        stack: None,
        goroutine: None,
        outcome: Ok(outcome),
        what,
    }
}

pub(super) fn mmap(page: u64, pages: u64, prot: u32) -> (Syscall, u64) {
    let what = Syscall::Mmap {
        addr: 0,
        len: pages * PAGE,
        prot,
        flags: PRIVATE,
        fd: -1,
        offset: 0,
    };
    (what, page * PAGE)
}

pub(super) fn munmap(page: u64, pages: u64) -> (Syscall, u64) {
    (
        Syscall::Munmap {
            addr: page * PAGE,
            len: pages * PAGE,
        },
        0,
    )
}

pub(super) fn mremap(
    old: u64,
    old_pages: u64,
    new: u64,
    new_pages: u64,
    flags: u32,
) -> (Syscall, u64) {
    let (addr, old_len, new_len) = (old * PAGE, old_pages * PAGE, new_pages * PAGE);
    (
        Syscall::Mremap {
            addr,
            old_len,
            new_len,
            flags,
        },
        new * PAGE,
    )
}

pub(super) fn mprotect(page: u64, pages: u64, prot: u32) -> (Syscall, u64) {
    (
        Syscall::Mprotect {
            addr: page * PAGE,
            len: pages * PAGE,
            prot,
        },
        0,
    )
}

fn brk(page: u64) -> (Syscall, u64) {
    (Syscall::Brk { addr: page * PAGE }, page * PAGE)
}

pub(super) fn madvise(page: u64, pages: u64, advice: Advice) -> (Syscall, u64) {
    (
        Syscall::Madvise {
            addr: page * PAGE,
            len: pages * PAGE,
            advice,
        },
        0,
    )
}

/// `first-end:prot` in pages, neighbours of equal protection joined.
fn text(ledger: &VmaLedger) -> String {
    let mut ranges: Vec<(u64, u64, u32)> = Vec::new();
    for (start, end, region) in ledger.regions() {
        match ranges.last_mut() {
            Some(last) if last.1 == start && last.2 == region.prot => last.1 = end,
            _ => ranges.push((start, end, region.prot)),
        }
    }
    let parts: Vec<String> = ranges
        .iter()
        .map(|(start, end, prot)| format!("{}-{}:{prot}", start / PAGE, end / PAGE))
        .collect();
    parts.join(" ")
}

pub(super) fn run(calls: &[(Syscall, u64)]) -> VmaLedger {
    let mut ledger = VmaLedger::default();
    for (index, (what, outcome)) in calls.iter().enumerate() {
        let at = index as u64 * 10 + 10;
        ledger.apply(&call(what.clone(), *outcome, Some(at - 1)), Timestamp(at));
    }
    ledger
}

#[track_caller]
fn check(calls: &[(Syscall, u64)], expected: &str) {
    assert_eq!(text(&run(calls)), expected);
}

#[test]
fn unmapping_a_part_leaves_the_rest() {
    check(&[mmap(10, 10, 3), munmap(13, 2)], "10-13:3 15-20:3");
    check(&[mmap(10, 10, 3), munmap(5, 30)], "");
    check(&[mmap(10, 10, 3), munmap(5, 6)], "11-20:3");
}

#[test]
fn a_fixed_mapping_replaces_what_was_there() {
    check(
        &[mmap(10, 16, 0), mmap(12, 4, 3)],
        "10-12:0 12-16:3 16-26:0",
    );
}

#[test]
fn lengths_round_up_to_pages() {
    let odd = Syscall::Mmap {
        addr: 0,
        len: 5000,
        prot: 3,
        flags: PRIVATE,
        fd: -1,
        offset: 0,
    };
    check(&[(odd, 10 * PAGE)], "10-12:3");
    let flags = PRIVATE | MAP_HUGETLB;
    let huge = Syscall::Mmap {
        addr: 0,
        len: 1,
        prot: 3,
        flags,
        fd: -1,
        offset: 0,
    };
    check(&[(huge, 1024 * PAGE)], "1024-1536:3");
    let absurd = Syscall::Mmap {
        addr: 0,
        len: u64::MAX,
        prot: 3,
        flags: u32::MAX,
        fd: -1,
        offset: 0,
    };
    assert_eq!(run(&[(absurd, u64::MAX)]).mapped_bytes(), 0);
}

#[test]
fn protection_splits_and_joins() {
    check(
        &[mmap(10, 10, 0), mprotect(12, 3, 3)],
        "10-12:0 12-15:3 15-20:0",
    );
    let ledger = run(&[mmap(10, 10, 0), mprotect(12, 3, 3), mprotect(12, 3, 0)]);
    assert_eq!(ledger.regions().count(), 1);
    check(&[mmap(10, 2, 3), mprotect(8, 3, 1)], "10-11:1 11-12:3");
}

#[test]
fn moving_and_resizing() {
    check(&[mmap(10, 4, 3), mremap(10, 4, 10, 6, 1)], "10-16:3");
    check(&[mmap(10, 4, 3), mremap(10, 4, 10, 2, 1)], "10-12:3");
    check(&[mmap(10, 4, 1), mremap(10, 4, 30, 6, 1)], "30-36:1");
    check(
        &[mmap(10, 4, 1), mremap(10, 2, 30, 2, 1)],
        "12-14:1 30-32:1",
    );
    check(
        &[mmap(10, 4, 3), mremap(10, 4, 30, 4, 1 | MREMAP_DONTUNMAP)],
        "10-14:3 30-34:3",
    );
    check(
        &[mmap(10, 4, 3), mmap(30, 8, 0), mremap(10, 4, 31, 4, 3)],
        "30-31:0 31-35:3 35-38:0",
    );
    check(
        &[mmap(10, 4, 3), mremap(10, 0, 30, 4, 1)],
        "10-14:3 30-34:3",
    );
}

#[test]
fn a_move_older_than_the_snapshot_keeps_what_the_snapshot_says() {
    check(
        &[mmap(31, 2, 1), mremap(10, 4, 30, 4, 1)],
        "30-31:3 31-33:1 33-34:3",
    );
}

#[test]
fn the_heap_grows_and_shrinks() {
    check(
        &[brk(10), brk(14), brk(12), brk(20), mprotect(10, 1, 1)],
        "10-11:1 11-20:3",
    );
    let mut ledger = VmaLedger::default();
    let backing = Backing::Anonymous {
        name: "[heap]".to_owned(),
    };
    ledger.seed(&[Mapping {
        start: 5 * PAGE,
        end: 9 * PAGE,
        prot: 3,
        shared: false,
        backing,
    }]);
    let (what, outcome) = brk(7);
    assert_eq!(
        ledger.apply(&call(what, outcome, None), Timestamp(1)),
        Some(2 * PAGE)
    );
    assert_eq!(text(&ledger), "5-7:3");
}

#[test]
fn failed_calls_change_nothing() {
    let mut ledger = run(&[mmap(10, 4, 3)]);
    for what in [
        munmap(10, 4).0,
        mprotect(10, 4, 0).0,
        brk(99).0,
        mremap(10, 4, 30, 4, 1).0,
    ] {
        let failed = Call {
            outcome: Err(Errno(22)),
            ..call(what, 0, None)
        };
        assert_eq!(ledger.apply(&failed, Timestamp(99)), None);
    }
    assert_eq!(text(&ledger), "10-14:3");
}

#[test]
fn a_hole_stops_mprotect_half_way() {
    let check = |from, pages, expected: &str| {
        let mut ledger = run(&[mmap(10, 4, 3), mmap(16, 4, 3)]);
        let failed = Call {
            outcome: Err(Errno(12)),
            ..call(mprotect(from, pages, 1).0, 0, None)
        };
        ledger.apply(&failed, Timestamp(99));
        assert_eq!(text(&ledger), expected);
    };
    check(12, 8, "10-12:3 12-14:1 16-20:3");
    check(9, 8, "10-14:3 16-20:3");
}

#[test]
fn a_release_spares_what_was_mapped_after_it_began() {
    let mut ledger = run(&[mmap(10, 4, 3)]);
    let (reuse, at) = mmap(11, 2, 1);
    ledger.apply(&call(reuse, at, None), Timestamp(50));
    // Another thread's unmap began at 40 and is reported only now.
    let (release, _) = munmap(10, 4);
    ledger.apply(&call(release, 0, Some(40)), Timestamp(60));
    assert_eq!(text(&ledger), "11-13:1");
}
