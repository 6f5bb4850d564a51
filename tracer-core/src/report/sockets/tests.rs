//! Who opened sockets, from calls and creations to lines.

use super::Sockets;
use crate::event::{
    Ancestor, Call, Creation, CreatorWatch, EventKind, Frame, ProcessFacts, StackId, StackTrace,
    Symbol, Syscall, Timestamp,
};
use crate::process::Process;

/// A Go program of the module `shop`, whose creations of goroutines are watched.
pub(super) fn shop() -> Process {
    watched(CreatorWatch {
        watching: true,
        reason: String::new(),
    })
}

/// The same, with another watch.
pub(super) fn watched(watch: CreatorWatch) -> Process {
    let mut process = Process::default();
    let facts = ProcessFacts {
        go_version: Some("go1.26.8".to_owned()),
        main_module: Some("shop".to_owned()),
        ..ProcessFacts::default()
    };
    process.apply(Timestamp(0), &EventKind::Process(Box::new(facts)));
    process.apply(Timestamp(0), &EventKind::CreatorWatch(watch));
    process.apply(Timestamp(1), &EventKind::Descriptors(Vec::new()));
    process
}

/// An address that stands for a function and a line, and its name.
pub(super) fn name(process: &mut Process, function: &str, line: u32) -> u64 {
    let letters = function.bytes().fold(7_u64, |sum, byte| {
        sum.wrapping_mul(131).wrapping_add(byte.into())
    });
    let address = (letters << 8) + u64::from(line);
    let frame = Frame {
        function: function.to_owned(),
        file: "shop.go".to_owned(),
        line,
        go: true,
        ..Frame::default()
    };
    let symbol = |is_return| Symbol {
        address,
        is_return,
        frames: vec![frame.clone()],
        frameless: false,
    };
    let symbols = vec![symbol(false), symbol(true)];
    process.apply(Timestamp(2), &EventKind::Symbols(symbols));
    address
}

/// Functions and lines, innermost first.
pub(super) fn stack(process: &mut Process, lines: &[(&str, u32)]) -> StackId {
    let addresses: Vec<u64> = lines
        .iter()
        .map(|(function, line)| name(process, function, *line))
        .collect();
    let id = StackId(addresses.iter().fold(1, |sum, address| {
        sum.wrapping_mul(31).wrapping_add(*address)
    }));
    let trace = StackTrace {
        id,
        addresses,
        leaf_word: None,
        recovered_at: None,
        truncated: false,
    };
    process.apply(Timestamp(2), &EventKind::Stack(trace));
    id
}

/// Opens sockets and closes as many of them again; without lines their stack was lost.
pub(super) fn open(
    process: &mut Process,
    goroutine: Option<u64>,
    lines: &[(&str, u32)],
    counts: (u64, u64),
) {
    let stack = (!lines.is_empty()).then(|| stack(process, lines));
    let call = |outcome, what, entered| {
        EventKind::Call(Call {
            tid: 1,
            entered,
            stack,
            goroutine,
            outcome: Ok(outcome),
            what,
        })
    };
    for socket in 0..counts.0 {
        let at = process.last_at().0 + 10;
        let fd = process.descriptors().opened() + 100;
        let (family, kind, protocol) = (2, 1, 0);
        let what = Syscall::Socket {
            family,
            kind,
            protocol,
        };
        process.apply(Timestamp(at), &call(fd, what, None));
        if socket < counts.1 {
            let what = Syscall::Close { fd: fd as i32 };
            let entered = Some(Timestamp(at + 1));
            process.apply(Timestamp(at + 2), &call(0, what, entered));
        }
    }
}

#[test]
fn who_closes_is_told_by_line() {
    let mut process = shop();
    open(&mut process, None, &[("main.get", 7)], (5, 3));
    open(&mut process, None, &[("main.keep", 9)], (2, 0));
    let sockets = Sockets::on(&process).expect("sockets");
    let closed: Vec<Vec<(u64, &str)>> = sockets
        .origins
        .iter()
        .map(|origin| {
            let closers = origin.closed_by.iter();
            let closers = closers.map(|closer| (closer.closed, closer.at.function.as_str()));
            closers.collect()
        })
        .collect();
    assert_eq!(closed, [vec![(3, "main.get")], vec![]]);
}

/// Origin, what it goes through, opened and closed; as the report orders them.
#[track_caller]
fn check(process: &Process, expected: &[(&str, &str, u64, u64)]) {
    let sockets = Sockets::on(process).expect("sockets");
    let found: Vec<_> = sockets
        .origins
        .iter()
        .map(|origin| {
            let through: Vec<&str> = origin
                .through
                .iter()
                .map(|own| own.function.as_str())
                .collect();
            let own = origin.origin.as_ref();
            let own = own.map_or("nobody", |own| own.function.as_str());
            (
                own.to_owned(),
                through.join(" "),
                origin.opened,
                origin.closed,
            )
        })
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(own, through, opened, closed)| {
            let (own, through) = ((*own).to_owned(), (*through).to_owned());
            (own, through, *opened, *closed)
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn callers_that_treat_their_sockets_alike_are_one_origin() {
    let mut process = shop();
    for (caller, counts) in [("shop.a", (20, 0)), ("shop.b", (30, 1)), ("shop.c", (1, 1))] {
        let lines = [("net.Dial", 1), ("shop.dial", 2), (caller, 3)];
        open(&mut process, None, &lines, counts);
    }
    check(&process, &[("shop.dial", "", 51, 2)]);
}

#[test]
fn callers_of_one_helper_that_differ_are_told_apart() {
    let mut process = shop();
    for (caller, counts) in [
        ("shop.bad", (40, 0)),
        ("shop.good", (30, 30)),
        ("shop.worse", (20, 0)),
        ("shop.rare", (1, 0)),
    ] {
        let lines = [
            ("net.Dial", 1),
            ("shop.dial", 2),
            (caller, 3),
            ("main.main", 4),
        ];
        open(&mut process, None, &lines, counts);
    }
    check(
        &process,
        &[
            ("shop.bad", "shop.dial", 40, 0),
            ("shop.worse", "shop.dial", 20, 0),
            ("shop.rare", "shop.dial", 1, 0),
            ("shop.good", "shop.dial", 30, 30),
        ],
    );
}

#[test]
fn two_lines_of_one_caller_and_two_helpers_in_a_row() {
    let mut process = shop();
    for (line, counts) in [(10, (9, 0)), (20, (8, 8))] {
        let lines = [("shop.dial", 1), ("shop.client", 2), ("shop.serve", line)];
        open(&mut process, None, &lines, counts);
    }
    check(
        &process,
        &[
            ("shop.serve", "shop.client shop.dial", 9, 0),
            ("shop.serve", "shop.client shop.dial", 8, 8),
        ],
    );
}

#[test]
fn callers_are_told_apart_beyond_the_goroutines_between() {
    let mut process = shop();
    for (goroutine, caller, counts) in [(7, "shop.bad", (9, 0)), (8, "shop.good", (8, 8))] {
        let stack = stack(
            &mut process,
            &[("lib.start", 1), ("shop.client", 2), (caller, 3)],
        );
        let creation = Creation {
            goroutine,
            creator: Some(1),
            stack: Some(stack),
        };
        process.apply(Timestamp(3), &EventKind::Created(creation));
        open(&mut process, Some(goroutine), &[("net.Dial", 1)], counts);
    }
    check(
        &process,
        &[
            ("shop.bad", "shop.client", 9, 0),
            ("shop.good", "shop.client", 8, 8),
        ],
    );
}

/// Goroutine 30 dials; it and 20 are older than the watch.
fn with_ancestors(statements: [(&str, u32); 2]) -> Process {
    let mut process = shop();
    let [inner, outer] = statements.map(|(function, line)| name(&mut process, function, line));
    let ancestor = |goroutine, creator, created_at| Ancestor {
        goroutine,
        creator: Some(creator),
        created_at,
    };
    let ancestors = vec![ancestor(30, 20, inner), ancestor(20, 1, outer)];
    process.apply(Timestamp(3), &EventKind::Ancestors(ancestors));
    open(
        &mut process,
        Some(30),
        &[("net.Dial", 1), ("lib.worker", 2)],
        (3, 0),
    );
    process
}

#[test]
fn an_own_statement_that_created_an_older_goroutine_is_the_origin() {
    let process = with_ancestors([("shop.begin", 5), ("shop.main", 6)]);
    check(&process, &[("shop.begin", "", 3, 0)]);
    let sockets = Sockets::on(&process).expect("sockets");
    let [hop] = &sockets.origins[0].chain[..] else {
        panic!("{:?}", sockets.origins[0].chain);
    };
    assert!(hop.listed && hop.created_by.function == "shop.begin");
}

#[test]
fn a_caller_that_became_known_meanwhile_is_no_other_one() {
    let mut process = shop();
    let accept = [("net.Accept", 1), ("shop.serve", 2)];
    open(&mut process, Some(30), &accept, (40, 40));
    let ancestor = Ancestor {
        goroutine: 30,
        creator: Some(1),
        created_at: name(&mut process, "shop.main", 3),
    };
    process.apply(Timestamp(3), &EventKind::Ancestors(vec![ancestor]));
    open(&mut process, Some(30), &accept, (10, 0));
    check(&process, &[("shop.serve", "", 50, 40)]);
}

#[test]
fn callers_that_close_alike_are_not_told_apart_by_those_not_known() {
    let mut process = shop();
    for (goroutine, caller) in [(30, "shop.a"), (31, "shop.b")] {
        let ancestor = Ancestor {
            goroutine,
            creator: Some(1),
            created_at: name(&mut process, caller, 3),
        };
        process.apply(Timestamp(3), &EventKind::Ancestors(vec![ancestor]));
        open(&mut process, Some(goroutine), &[("shop.dial", 2)], (10, 10));
    }
    open(&mut process, Some(32), &[("shop.dial", 2)], (40, 0));
    check(&process, &[("shop.dial", "", 60, 20)]);
}

#[test]
fn what_a_library_did_in_an_older_goroutine_has_no_origin() {
    // An own line may have called lib.pool: shop.main need not be it.
    let process = with_ancestors([("lib.pool", 5), ("shop.main", 6)]);
    check(&process, &[("nobody", "", 3, 0)]);
    let sockets = Sockets::on(&process).expect("sockets");
    let missing = sockets.origins[0]
        .origin_missing
        .as_deref()
        .unwrap_or_default();
    assert!(missing.contains("older than the watch"), "{missing}");
}
