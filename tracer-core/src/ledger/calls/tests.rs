//! Tests of the calls by name and stack.

use super::*;
use crate::event::{Advice, Errno};

#[track_caller]
fn check(calls: &[(Syscall, Result<u64, Errno>)], expected: &[(&str, u64, u64, Option<u64>)]) {
    let mut ledger = CallLedger::default();
    for (what, outcome) in calls {
        let call = Call {
            tid: 1,
            entered: None,
            stack: Some(StackId(1)),
            goroutine: None,
            outcome: *outcome,
            what: what.clone(),
        };
        assert_eq!(CallName::of(what).to_string(), what.name());
        ledger.add(&call, Some(64), None);
    }
    let found: Vec<_> = ledger
        .iter()
        .map(|(name, tally)| {
            let total = tally.total();
            assert_eq!(
                tally.by_stack().collect::<Vec<_>>(),
                [(Some(StackId(1)), total)]
            );
            (name.to_string(), total.count, total.failed, total.bytes)
        })
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, a, b, c)| ((*name).to_owned(), *a, *b, *c))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn each_advice_is_a_call_of_its_own() {
    let advise = |number, len| Syscall::Madvise {
        addr: 0,
        len,
        advice: Advice(number),
    };
    check(
        &[
            (advise(8, 4096), Ok(0)),
            (advise(8, 8192), Ok(0)),
            (advise(4, 4096), Err(Errno(12))),
            (advise(77, 1), Ok(0)),
            (advise(78, 2), Ok(0)),
        ],
        &[
            ("madvise_dontneed", 1, 1, Some(0)),
            ("madvise_free", 2, 0, Some(12288)),
            ("madvise_other", 2, 0, Some(3)),
        ],
    );
}

#[test]
fn to_wait_is_not_to_fail() {
    let connect = Syscall::Connect { fd: 3, peer: None };
    let accept = Syscall::Accept {
        fd: 3,
        flags: Some(0),
        peer: None,
    };
    check(
        &[
            (connect.clone(), Err(Errno(115))),
            (connect.clone(), Err(Errno(111))),
            (connect, Err(Errno(11))),
            (accept.clone(), Err(Errno(11))),
            (accept.clone(), Err(Errno(24))),
            (accept, Ok(4)),
        ],
        &[("accept4", 3, 1, None), ("connect", 3, 2, None)],
    );
}

#[test]
fn bytes_are_what_was_asked_for() {
    check(
        &[
            (Syscall::Brk { addr: 9 }, Ok(9)),
            (
                Syscall::Mremap {
                    addr: 0,
                    old_len: 1,
                    new_len: 2,
                    flags: 0,
                },
                Ok(0),
            ),
            (
                Syscall::ProcessMadvise {
                    pidfd: 3,
                    vectors: 9,
                    advice: Advice(20),
                },
                Ok(4096),
            ),
            (Syscall::Close { fd: 3 }, Ok(0)),
        ],
        &[
            ("brk", 1, 0, Some(64)),
            ("close", 1, 0, None),
            ("mremap", 1, 0, Some(2)),
            ("process_madvise_cold", 1, 0, Some(4096)),
        ],
    );
}

#[test]
fn sampled_stacks_stand_for_all() {
    let sampling = Some(Sampling { mean_bytes: 65_536 });
    let mut ledger = CallLedger::default();
    let mut add = |stack, len, outcome| {
        let call = Call {
            tid: 1,
            entered: None,
            stack: Some(stack).filter(|stack| *stack > 0).map(StackId),
            goroutine: None,
            outcome,
            what: Syscall::Munmap { addr: 0, len },
        };
        ledger.add(&call, None, sampling);
    };
    // A page is taken with a chance of 6.06 %, so 33 are worth 16.5 each.
    for _ in 0..33 {
        add(1, 4096, Ok(0));
        add(0, 4096, Ok(0));
    }
    add(2, 1 << 30, Err(Errno(22)));
    let (_, tally) = ledger.iter().next().expect("munmap");
    let count = |count, failed, bytes| CallCount {
        count,
        failed,
        bytes: Some(bytes),
    };
    assert!(tally.is_estimated());
    assert_eq!(tally.total(), count(67, 1, 66 * 4096));
    let expected = [
        (Some(StackId(1)), count(545, 0, 2_230_965)),
        (Some(StackId(2)), count(1, 1, 0)),
    ];
    assert_eq!(tally.by_stack().collect::<Vec<_>>(), expected);
}

fn sum(kind: &str, advice: Option<Advice>, count: u64, failed: u64, bytes: u64) -> CallSum {
    CallSum {
        kind: kind.to_owned(),
        advice,
        stack: Some(StackId(1)),
        count,
        failed,
        bytes,
    }
}

#[test]
fn sums_are_added_to_what_was_told_one_by_one() {
    let mut ledger = CallLedger::default();
    let call = Call {
        tid: 1,
        entered: None,
        stack: Some(StackId(2)),
        goroutine: None,
        outcome: Ok(0),
        what: Syscall::Munmap { addr: 0, len: 4096 },
    };
    ledger.add(&call, None, None);
    assert!(ledger.add_sum(&sum("munmap", None, 3, 1, 8192), None));
    assert!(ledger.add_sum(&sum("madvise", Some(Advice::FREE), 2, 0, 5), None));
    assert!(ledger.add_sum(&sum("close", None, 9, 0, 0), None));
    assert!(ledger.add_sum(&sum("mprotect", None, 2, 2, 0), None));
    assert!(ledger.add_sum(&sum("brk", None, 5, 0, 0), None));
    let found: Vec<_> = ledger
        .iter()
        .map(|(name, tally)| {
            let by_stack = tally.by_stack();
            let by_stack = by_stack.map(|(stack, count)| (stack.map(|id| id.0), count.count));
            let total = tally.total();
            let total = (total.count, total.failed, total.bytes);
            (name.to_string(), total, by_stack.collect::<Vec<_>>())
        })
        .collect();
    let expected = [
        ("brk", (5, 0, None), vec![(Some(1), 5)]),
        ("close", (9, 0, None), vec![(Some(1), 9)]),
        ("madvise_free", (2, 0, Some(5)), vec![(Some(1), 2)]),
        ("mprotect", (2, 2, Some(0)), vec![(Some(1), 2)]),
        (
            "munmap",
            (4, 1, Some(12_288)),
            vec![(Some(1), 3), (Some(2), 1)],
        ),
    ];
    assert_eq!(
        found,
        expected.map(|(name, total, by_stack)| (name.to_owned(), total, by_stack))
    );
}

#[test]
fn of_a_sample_only_the_total_is_known_of_a_sum() {
    let mut ledger = CallLedger::default();
    let sampling = Some(Sampling { mean_bytes: 4096 });
    assert!(ledger.add_sum(&sum("mmap", None, 3, 0, 12_288), sampling));
    // Of calls without a length all stacks are taken.
    assert!(ledger.add_sum(&sum("close", None, 2, 0, 0), sampling));
    let tallies = ledger.iter().map(|(_, tally)| tally);
    let by_stack: Vec<_> = tallies.flat_map(CallTally::by_stack).collect();
    let all = |count, bytes| CallCount {
        count,
        failed: 0,
        bytes,
    };
    let expected = [
        (Some(StackId(1)), all(2, None)),
        (None, all(3, Some(12_288))),
    ];
    assert_eq!(by_stack, expected);
}

#[test]
fn a_sum_of_what_is_not_known_is_not_counted() {
    let mut ledger = CallLedger::default();
    assert!(!ledger.add_sum(&sum("getpid", None, 1, 0, 0), None));
    assert!(!ledger.add_sum(&sum("close", Some(Advice::FREE), 1, 0, 0), None));
    assert!(!ledger.add_sum(&sum("madvise", None, 1, 0, 0), None));
    assert_eq!(ledger.iter().count(), 0);
}
