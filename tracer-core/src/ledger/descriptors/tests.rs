//! Tests of the socket table: opening, closing, reuse, duplicates, snapshots.

use super::*;
use crate::event::{Descriptor, DescriptorKind, SocketState, SocketStates, StackId};

/// One step of a story; times are the instants the calls returned.
enum Step {
    /// `at`, descriptor.
    Open(u64, i32),
    /// `entered`, `at`, descriptor.
    Close(u64, u64, i32),
    /// `at`, from, to.
    Dup(u64, i32, i32),
    /// `at`, from, to.
    DupTo(u64, i32, i32),
    /// `entered`, `at`, first, last.
    CloseRange(u64, u64, u32, u32),
    /// `at`, descriptor.
    Connect(u64, i32),
    /// `at`, descriptors with their inodes.
    Snapshot(u64, &'static [(i32, u64)]),
}
use Step::{Close, CloseRange, Connect, Dup, DupTo, Open, Snapshot};

fn run(steps: &[Step]) -> DescriptorLedger {
    let mut ledger = DescriptorLedger::default();
    for step in steps {
        let (at, entered, outcome, what) = match *step {
            Open(at, fd) => (
                at,
                None,
                fd,
                Syscall::Socket {
                    family: 2,
                    kind: 1 | SOCK_CLOEXEC,
                    protocol: 0,
                },
            ),
            Close(entered, at, fd) => (at, Some(entered), 0, Syscall::Close { fd }),
            Dup(at, fd, new) => (at, None, new, Syscall::Dup { fd }),
            DupTo(at, fd, to) => (
                at,
                Some(at - 1),
                to,
                Syscall::DupTo {
                    fd,
                    to,
                    flags: None,
                },
            ),
            CloseRange(entered, at, first, last) => (
                at,
                Some(entered),
                0,
                Syscall::CloseRange {
                    first,
                    last,
                    flags: 0,
                },
            ),
            Connect(at, fd) => (
                at,
                None,
                0,
                Syscall::Connect {
                    fd,
                    peer: Some(Peer::Other(7)),
                },
            ),
            Snapshot(at, listed) => {
                ledger.seed(&sockets(listed), Timestamp(at));
                continue;
            }
        };
        let entered = entered.map(Timestamp);
        let stack = Some(StackId(1));
        let call = Call {
            tid: 1,
            entered,
            stack,
            goroutine: None,
            outcome: Ok(outcome as u64),
            what,
        };
        ledger.apply(&call, Timestamp(at), &CreatorLedger::default());
    }
    ledger
}

/// Expects `pre-existing + opened - closed = open`, and the contradictions.
#[track_caller]
fn check(steps: &[Step], expected: &str) {
    let ledger = run(steps);
    let (pre, opened, closed) = (ledger.pre_existing(), ledger.opened(), ledger.closed());
    let by_origin: u64 = ledger.origins().map(|(_, count, _)| count.opened).sum();
    assert_eq!(by_origin, opened);
    let open = ledger.open_sockets();
    let text = format!(
        "{pre} + {opened} - {closed} = {open}, {} odd",
        ledger.contradictions()
    );
    assert_eq!(text, expected);
    assert_eq!(pre + opened - closed, open);
}

#[test]
fn opened_and_closed() {
    check(
        &[Open(10, 3), Open(11, 4), Close(12, 13, 3)],
        "0 + 2 - 1 = 1, 0 odd",
    );
    check(
        &[Open(10, 3), Close(12, 13, 3), Open(14, 3)],
        "0 + 2 - 1 = 1, 0 odd",
    );
    // Files are closed too, and not tracked.
    check(&[Close(12, 13, 3)], "0 + 0 - 0 = 0, 0 odd");
    check(
        &[Open(10, 3), Connect(11, 3), Connect(12, 5)],
        "0 + 1 - 0 = 1, 0 odd",
    );
}

#[test]
fn a_close_reported_after_the_reuse_of_its_number() {
    // Thread A closes 3 from 20 to 25, thread B opens 3 anew at 23.
    check(
        &[Open(10, 3), Open(23, 3), Close(20, 25, 3)],
        "0 + 2 - 1 = 1, 0 odd",
    );
    check(
        &[Open(10, 3), Open(23, 3), Close(20, 25, 3), Close(30, 31, 3)],
        "0 + 2 - 2 = 0, 0 odd",
    );
    // The same with a file in front: the socket stays.
    check(&[Open(20, 3), Close(20, 25, 3)], "0 + 1 - 0 = 1, 0 odd");
    check(&[Open(23, 3), Close(20, 25, 3)], "0 + 1 - 0 = 1, 0 odd");
    // The close never comes: it was lost.
    check(&[Open(10, 3), Open(23, 3)], "0 + 2 - 1 = 1, 1 odd");
}

#[test]
fn duplicates_keep_a_socket_open() {
    check(
        &[Open(10, 3), Dup(11, 3, 4), Close(12, 13, 3)],
        "0 + 1 - 0 = 1, 0 odd",
    );
    check(
        &[
            Open(10, 3),
            Dup(11, 3, 4),
            Close(12, 13, 3),
            Close(14, 15, 4),
        ],
        "0 + 1 - 1 = 0, 0 odd",
    );
    check(
        &[Open(10, 3), Open(11, 4), DupTo(13, 3, 4)],
        "0 + 2 - 1 = 1, 0 odd",
    );
    check(&[Open(10, 3), DupTo(13, 3, 3)], "0 + 1 - 0 = 1, 0 odd");
    // Once more, though both are one already.
    check(
        &[
            Open(10, 3),
            Dup(11, 3, 4),
            DupTo(13, 3, 4),
            Close(14, 15, 3),
        ],
        "0 + 1 - 0 = 1, 0 odd",
    );
    // A file put over a socket closes it.
    check(&[Open(10, 3), DupTo(13, 9, 3)], "0 + 1 - 1 = 0, 0 odd");
    // A number was given out again by `dup`: its close is still to come.
    check(
        &[Open(10, 3), Open(11, 4), Dup(23, 3, 4), Close(20, 25, 4)],
        "0 + 2 - 1 = 1, 0 odd",
    );
}

#[test]
fn ranges() {
    let steps = [
        Open(10, 3),
        Open(11, 4),
        Open(12, 9),
        CloseRange(20, 21, 4, u32::MAX),
    ];
    check(&steps, "0 + 3 - 2 = 1, 0 odd");
    // What was opened after the call began stays.
    check(
        &[Open(10, 3), Open(25, 4), CloseRange(20, 26, 0, 100)],
        "0 + 2 - 1 = 1, 0 odd",
    );
    check(
        &[Open(10, 3), CloseRange(20, 26, 9, 1)],
        "0 + 1 - 0 = 1, 0 odd",
    );
    check(
        &[Open(10, 3), CloseRange(20, 26, u32::MAX, u32::MAX)],
        "0 + 1 - 0 = 1, 0 odd",
    );
}

#[test]
fn sockets_from_before_the_start() {
    const TWO: &[(i32, u64)] = &[(3, 100), (4, 200)];
    check(&[Snapshot(50, TWO)], "2 + 0 - 0 = 2, 0 odd");
    check(
        &[Snapshot(50, TWO), Close(60, 61, 3)],
        "2 + 0 - 1 = 1, 0 odd",
    );
    check(
        &[Snapshot(50, &[(3, 100), (4, 100)]), Close(60, 61, 3)],
        "1 + 0 - 0 = 1, 0 odd",
    );
    check(&[Snapshot(50, TWO), Open(70, 3)], "2 + 1 - 1 = 2, 1 odd");
}

#[test]
fn calls_older_than_the_snapshot_converge() {
    const ONE: &[(i32, u64)] = &[(3, 100)];
    check(&[Snapshot(50, ONE), Open(40, 3)], "0 + 1 - 0 = 1, 0 odd");
    check(
        &[
            Snapshot(50, ONE),
            Open(30, 3),
            Close(31, 32, 3),
            Open(40, 3),
        ],
        "0 + 2 - 1 = 1, 0 odd",
    );
    // What was closed before the snapshot ended is not from before the start.
    check(
        &[Snapshot(50, ONE), Close(30, 31, 3), Open(40, 3)],
        "0 + 1 - 0 = 1, 0 odd",
    );
    check(
        &[Snapshot(50, ONE), Close(30, 31, 3)],
        "0 + 0 - 0 = 0, 0 odd",
    );
    check(
        &[Snapshot(50, ONE), Dup(30, 9, 3), Open(40, 3)],
        "0 + 1 - 0 = 1, 0 odd",
    );
    check(
        &[
            Snapshot(50, &[(3, 100), (4, 100)]),
            Open(40, 3),
            Dup(41, 3, 4),
            Close(60, 61, 3),
        ],
        "0 + 1 - 0 = 1, 0 odd",
    );
    // 7 was open before; it was copied to 3, and closed before it could be listed.
    check(
        &[Snapshot(50, ONE), Dup(30, 7, 3), Close(31, 32, 7)],
        "1 + 0 - 0 = 1, 0 odd",
    );
    check(
        &[Snapshot(50, ONE), DupTo(30, 7, 3), Close(31, 32, 7)],
        "1 + 0 - 0 = 1, 0 odd",
    );
}

#[test]
fn a_second_snapshot_corrects() {
    check(
        &[
            Snapshot(50, &[(3, 100)]),
            Open(60, 4),
            Snapshot(70, &[(4, 400)]),
        ],
        "1 + 1 - 1 = 1, 1 odd",
    );
    check(
        &[Open(60, 4), Snapshot(70, &[(4, 400), (5, 500)])],
        "1 + 1 - 0 = 2, 0 odd",
    );
    check(
        &[Snapshot(50, &[(3, 100)]), Snapshot(70, &[(3, 300)])],
        "2 + 0 - 1 = 1, 1 odd",
    );
}

#[test]
fn a_snapshot_says_nothing_about_what_came_after_it() {
    check(
        &[Snapshot(50, &[]), Open(80, 4), Snapshot(70, &[])],
        "0 + 1 - 0 = 1, 0 odd",
    );
}

#[test]
fn replacing_the_program_closes_what_is_marked_for_it() {
    let mut ledger = run(&[
        Snapshot(50, &[(3, 100)]),
        Open(60, 4),
        Open(61, 5),
        Dup(62, 5, 6),
    ]);
    let after = ledger.exec(Timestamp(70));
    // 4 and 5 were marked; 6, the duplicate of 5, and 3, from before, were not.
    assert_eq!(
        (after.pre_existing(), after.open_sockets(), after.opened()),
        (2, 2, 0)
    );
}

#[test]
fn what_is_marked_is_not_known_of_sockets_from_before() {
    let mut ledger = run(&[Snapshot(50, &[(3, 100), (4, 400), (5, 400)]), Open(60, 6)]);
    let mut after = ledger.exec(Timestamp(70));
    check_counts(&after, (2, 0, 0, 0));
    // 3 and 5 were marked, and 6, as the call has told.
    after.seed(&sockets(&[(4, 400)]), Timestamp(80));
    check_counts(&after, (1, 0, 0, 0));
    assert_eq!(after.pre_existing(), 1);
    // What is missing later was closed unseen.
    after.seed(&[], Timestamp(90));
    check_counts(&after, (0, 1, 0, 1));
}

fn sockets(listed: &[(i32, u64)]) -> Vec<Descriptor> {
    let socket = |&(fd, inode): &(i32, u64)| Descriptor {
        fd,
        kind: DescriptorKind::Socket { inode },
    };
    listed.iter().map(socket).collect()
}

#[test]
fn peers_and_ages_belong_to_the_opener() {
    let ledger = run(&[Open(10, 3), Open(20, 4), Connect(25, 4), Close(30, 31, 3)]);
    let found: Vec<_> = ledger.origins().collect();
    let origin = Origin {
        accepted: false,
        stack: Some(StackId(1)),
        chain: CreatorLedger::default().chain(None),
    };
    let count = OriginCount {
        opened: 2,
        closed: 1,
        closers: [(StackId(1), 1)].into_iter().collect(),
        peers: [Peer::Other(7)].into_iter().collect(),
        connects: Connects {
            made: 1,
            ..Connects::default()
        },
    };
    assert_eq!(found, [(Some(&origin), &count, Some(Timestamp(20)))]);
}

#[test]
fn states_are_those_of_the_socket_that_was_meant() {
    let mut ledger = run(&[
        Snapshot(5, &[(9, 90)]),
        Open(10, 3),
        Open(20, 4),
        Open(60, 5),
    ]);
    assert_eq!(ledger.listed(), None);
    let traffic = SocketTraffic {
        sent: 10,
        received: 20,
        memory: Some(7),
    };
    let socket = |fd, inode, state| SocketState {
        fd,
        inode,
        state,
        traffic: Some(traffic),
        ..SocketState::default()
    };
    ledger.observe(&SocketStates {
        began: Timestamp(50),
        // 5 was opened after the reading began, 9 is another socket by now.
        sockets: vec![
            socket(3, 30, 1),
            socket(4, 40, 8),
            socket(5, 50, 1),
            socket(9, 91, 1),
        ],
        ..SocketStates::default()
    });
    let listed = ledger.listed().unwrap_or_default();
    let of_origin = listed.values().find(|listed| !listed.states.is_empty());
    let twice = SocketTraffic {
        sent: 20,
        received: 40,
        memory: Some(14),
    };
    let expected = Listed {
        states: BTreeMap::from([("CLOSE_WAIT", 1), ("ESTABLISHED", 1)]),
        traffic: Some(twice),
        ..Listed::default()
    };
    assert_eq!(of_origin, Some(&expected));
}

/// Lists two sockets every five seconds with the bytes that went through each, and expects how many
/// are known for long enough, and how many of them are used.
#[track_caller]
fn check_use(bytes: &[(u64, u64)], expected: (u64, u64)) {
    let mut ledger = run(&[Open(10, 3), Open(20, 4)]);
    for (index, (third, fourth)) in bytes.iter().enumerate() {
        let socket = |(fd, sent): (i32, u64)| SocketState {
            fd,
            inode: 10 * fd as u64,
            state: 1,
            traffic: Some(SocketTraffic {
                sent,
                // Buffers that come and go are no use.
                memory: Some(index as u64),
                ..SocketTraffic::default()
            }),
            ..SocketState::default()
        };
        ledger.observe(&SocketStates {
            began: Timestamp(5_000_000_000 * (index as u64 + 1)),
            sockets: [(3, *third), (4, *fourth)].map(socket).to_vec(),
            ..SocketStates::default()
        });
    }
    let listed = ledger.listed().unwrap_or_default();
    let (known, used) = listed.values().fold((0, 0), |(known, used), listed| {
        (known + listed.known, used + listed.used)
    });
    assert_eq!((known, used), expected, "{bytes:?}");
}

#[test]
fn sockets_are_used_while_bytes_go_through_them() {
    check_use(&[(1, 1), (2, 2)], (0, 0));
    check_use(&[(1, 1), (2, 1), (3, 1)], (2, 1));
    check_use(&[(1, 1), (1, 1), (1, 2)], (2, 1));
    // One has fallen silent.
    check_use(&[(1, 1), (2, 2), (2, 3), (2, 4)], (2, 1));
}

#[test]
fn sockets_that_stay_are_those_that_are_dialled_and_not_closed() {
    let moments = |steps: &[Step]| run(steps).staying();
    let (first, second) = (Timestamp(10), Timestamp(20));
    assert_eq!(moments(&[Open(10, 3), Open(20, 4)]), [first, second]);
    // They have one origin, and it closes.
    assert_eq!(moments(&[Open(10, 3), Open(20, 4), Close(21, 22, 4)]), []);
    assert_eq!(moments(&[Snapshot(5, &[(9, 90)])]), []);
}

/// A settled list begun at an instant.
fn list(ledger: &mut DescriptorLedger, began: u64, last: bool, sockets: &[(i32, u64)]) {
    let socket = |&(fd, inode): &(i32, u64)| SocketState {
        fd,
        inode,
        ..SocketState::default()
    };
    ledger.observe(&SocketStates {
        began: Timestamp(began),
        sockets: sockets.iter().map(socket).collect(),
        settled: true,
        last,
        ..SocketStates::default()
    });
}

/// Open, closed, found, contradictions.
#[track_caller]
fn check_counts(ledger: &DescriptorLedger, expected: (u64, u64, u64, u64)) {
    let found = (
        ledger.open_sockets(),
        ledger.closed(),
        ledger.found(),
        ledger.contradictions(),
    );
    assert_eq!(found, expected);
}

#[test]
fn a_list_puts_right_what_lost_calls_have_done() {
    let mut ledger = run(&[Snapshot(5, &[(9, 90)]), Open(10, 3), Open(11, 4)]);
    // 4 was closed and given out again, 9 was closed, 6 was opened; nobody told.
    list(&mut ledger, 20, false, &[(3, 30), (4, 40)]);
    check_counts(&ledger, (2, 1, 0, 1));
    list(&mut ledger, 30, false, &[(3, 30), (4, 41), (6, 60)]);
    // What is new may be of calls that have not returned yet.
    check_counts(&ledger, (1, 2, 0, 2));
    list(&mut ledger, 40, false, &[(3, 30), (4, 41), (6, 60)]);
    check_counts(&ledger, (3, 2, 2, 2));
    // They are closed like others, and never count as opened.
    let close = |fd, at| Call {
        tid: 1,
        entered: Some(Timestamp(at)),
        stack: None,
        goroutine: None,
        outcome: Ok(0),
        what: Syscall::Close { fd },
    };
    for fd in [6, 4] {
        ledger.apply(&close(fd, 50), Timestamp(51), &CreatorLedger::default());
    }
    check_counts(&ledger, (1, 4, 2, 2));
    assert_eq!(ledger.opened(), 2);
}

#[test]
fn what_happens_while_a_list_is_read_is_no_contradiction() {
    let mut ledger = run(&[Snapshot(5, &[]), Open(10, 3), Open(21, 4), Close(22, 23, 3)]);
    // Begun at 20: 3 was still there, 4 not yet.
    list(&mut ledger, 20, false, &[(3, 30)]);
    list(&mut ledger, 20, true, &[(3, 30)]);
    check_counts(&ledger, (1, 1, 0, 0));
    // A close that is told late was seen after all.
    list(&mut ledger, 40, false, &[]);
    check_counts(&ledger, (0, 2, 0, 1));
    let late = Call {
        tid: 1,
        entered: Some(Timestamp(39)),
        stack: None,
        goroutine: None,
        outcome: Ok(0),
        what: Syscall::Close { fd: 4 },
    };
    ledger.apply(&late, Timestamp(41), &CreatorLedger::default());
    check_counts(&ledger, (0, 2, 0, 0));
}

#[test]
fn the_last_list_needs_no_second_one() {
    let mut ledger = run(&[Snapshot(5, &[]), Open(10, 3)]);
    list(&mut ledger, 20, true, &[(3, 30), (4, 40), (5, 30)]);
    // 5 is a duplicate of 3.
    check_counts(&ledger, (2, 0, 1, 0));
    check_whence(&ledger, &[Whence::Last]);
    assert_eq!(ledger.found_last(), 1);
}

#[track_caller]
fn check_whence(ledger: &DescriptorLedger, expected: &[Whence]) {
    let whence = ledger.unexplained().map(|socket| socket.whence);
    assert_eq!(whence.collect::<Vec<_>>(), expected);
}

#[test]
fn what_stays_longer_than_any_call_was_opened_by_none() {
    let mut ledger = run(&[Snapshot(5, &[(9, 90)]), Open(10, 3)]);
    list(&mut ledger, 20, false, &[(3, 30), (4, 40), (9, 90)]);
    check_whence(&ledger, &[Whence::Before]);
    // Connected by who received it, and duplicated.
    let connected = Call {
        tid: 1,
        entered: None,
        stack: None,
        goroutine: None,
        outcome: Ok(0),
        what: Syscall::Connect { fd: 4, peer: None },
    };
    ledger.apply(&connected, Timestamp(25), &CreatorLedger::default());
    list(
        &mut ledger,
        30,
        true,
        &[(3, 30), (4, 40), (5, 40), (6, 30), (7, 70), (9, 90)],
    );
    // 5 is one with 4, and 6 with 3.
    check_counts(&ledger, (4, 0, 2, 0));
    check_whence(&ledger, &[Whence::Before, Whence::Later, Whence::Last]);
    assert_eq!((ledger.found_last(), ledger.opened()), (1, 1));
}

#[test]
fn duplicates_by_fcntl_and_pairs() {
    let mut ledger = run(&[Snapshot(5, &[]), Open(10, 3)]);
    let call = |outcome, what| Call {
        tid: 1,
        entered: None,
        stack: None,
        goroutine: None,
        outcome: Ok(outcome),
        what,
    };
    let duplicate = Syscall::Fcntl {
        fd: 3,
        command: F_DUPFD_CLOEXEC,
        argument: 8,
    };
    let pair = Syscall::SocketPair {
        family: 1,
        kind: 1,
        protocol: 0,
        pair: [5, 6],
    };
    let creators = CreatorLedger::default();
    ledger.apply(&call(8, duplicate), Timestamp(11), &creators);
    ledger.apply(&call(0, pair), Timestamp(12), &creators);
    ledger.apply(&call(0, Syscall::Close { fd: 3 }), Timestamp(13), &creators);
    check_counts(&ledger, (3, 0, 0, 0));
    assert_eq!(ledger.exec(Timestamp(14)).open_sockets(), 2);
}

#[test]
fn a_range_that_is_closed_while_its_numbers_are_used_again() {
    let steps = [
        Snapshot(5, &[]),
        Open(10, 3),
        Open(22, 3),
        CloseRange(20, 30, 3, 3),
    ];
    check_counts(&run(&steps), (1, 1, 0, 0));
}

#[test]
fn a_number_closed_and_given_to_a_duplicate_of_the_same_socket() {
    let steps = [
        Snapshot(5, &[]),
        Open(10, 3),
        Dup(11, 3, 8),
        // Told before the close that made room for it.
        Dup(22, 3, 8),
        Close(20, 30, 8),
        Close(40, 41, 3),
    ];
    check_counts(&run(&steps), (1, 0, 0, 0));
}

#[test]
fn a_duplicate_onto_a_number_in_use_that_was_lost() {
    let mut ledger = run(&[Snapshot(5, &[]), Open(10, 3), Open(11, 4)]);
    // 4 means the socket of 3 now, and its own is gone.
    list(&mut ledger, 20, true, &[(3, 30), (4, 30)]);
    check_counts(&ledger, (1, 1, 0, 1));
}
