//! What is said of sockets that no call has opened.

use super::Direction;
use crate::event::{
    EventKind, Loss, LossCount, OtherDescriptors, Peer, SocketAbout, SocketState, SocketStates,
    SocketTraffic, Timestamp,
};
use crate::report::sockets::{Sockets, tests::shop};
use crate::report::{Report, sockets_text};

fn tcp(fd: i32, state: u32, local: &str, remote: &str) -> SocketState {
    let inet = |text: &str| text.parse().ok().map(Peer::Inet);
    SocketState {
        fd,
        inode: fd as u64,
        state,
        queued: 5,
        traffic: Some(SocketTraffic {
            sent: 1,
            received: 2,
            memory: Some(300),
        }),
        about: Some(SocketAbout {
            protocol: "TCP".to_owned(),
            local: inet(local),
            remote: inet(remote),
        }),
    }
}

#[test]
fn sockets_that_no_call_has_opened_are_told_by_their_addresses() {
    let mut process = shop();
    let listing = SocketStates {
        began: Timestamp(10),
        sockets: vec![
            tcp(3, 10, "0.0.0.0:80", ""),
            tcp(4, 1, "10.0.0.1:80", "10.0.0.9:4000"),
            tcp(5, 8, "10.0.0.1:80", "10.0.0.9:4001"),
            tcp(6, 1, "10.0.0.1:5000", "10.0.0.7:443"),
            tcp(7, 7, "", ""),
        ],
        settled: true,
        last: true,
        ..SocketStates::default()
    };
    process.apply(Timestamp(11), &EventKind::SocketStates(listing));
    let sockets = Sockets::on(&process).expect("sockets");
    let mut found: Vec<String> = sockets
        .unexplained
        .iter()
        .map(|group| {
            let words = group.direction.map_or("", Direction::words);
            let address = group.address.as_deref().unwrap_or("nowhere");
            let states = group.states.as_ref().expect("states");
            let open = group.open;
            let traffic = (group.bytes_sent.zip(group.bytes_received)).unwrap_or_default();
            format!("{open} {words} {address} {states:?} {traffic:?}")
        })
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "1 at nowhere {\"CLOSE\": 1} (1, 2)",
            "1 connected with 10.0.0.7:443 {\"ESTABLISHED\": 1} (1, 2)",
            "1 listening on 0.0.0.0:80 {\"LISTEN\": 1} (1, 2)",
            "2 accepted on 10.0.0.1:80 {\"CLOSE_WAIT\": 1, \"ESTABLISHED\": 1} (2, 4)",
        ]
    );
    assert_eq!((sockets.found, sockets.queued_bytes), (5, Some(25)));
    assert_eq!(sockets.buffer_bytes, Some(1500));
}

/// Listed twice: what is said of a socket that no call has opened, and how many were received.
#[track_caller]
fn check_received(losses: &[(&str, u64)], others: &[&str], expected: (&str, Option<u64>)) {
    let mut process = shop();
    let count = |&(kind, lost): &(&str, u64)| LossCount {
        kind: kind.to_owned(),
        expected: 9,
        received: 9 - lost,
        lost,
        skipped: 0,
    };
    let loss = Loss {
        counts: losses.iter().map(count).collect(),
        ..Loss::default()
    };
    process.apply(Timestamp(2), &EventKind::Loss(loss));
    let other = |kind: &&str| OtherDescriptors {
        kind: (*kind).to_owned(),
        count: 1,
    };
    for began in [10, 20] {
        let mut socket = tcp(6, 1, "10.0.0.1:80", "10.0.0.9:4000");
        // It is told the first time.
        socket.about = socket.about.filter(|_| began == 10);
        let listing = SocketStates {
            began: Timestamp(began),
            sockets: vec![socket],
            settled: true,
            others: others.iter().map(other).collect(),
            ..SocketStates::default()
        };
        process.apply(Timestamp(began + 1), &EventKind::SocketStates(listing));
    }
    let sockets = Sockets::on(&process).expect("sockets");
    let text = sockets_text(&Report::on(&process));
    assert!(text.contains(expected.0), "{text}");
    assert_eq!((sockets.found, sockets.received), (1, expected.1));
}

#[test]
fn a_socket_is_received_where_no_call_can_have_been_missed() {
    let none_lost = ("socket", 0);
    let received = "connected with 10.0.0.9:4000: received from another process\n";
    let unseen = "connected with 10.0.0.9:4000: received from another process, or opened unseen\n";
    check_received(
        &[none_lost, ("close", 1)],
        &["eventpoll"],
        (received, Some(1)),
    );
    check_received(&[none_lost, ("accept4", 1)], &["eventpoll"], (unseen, None));
    check_received(&[none_lost], &["io_uring"], (unseen, None));
    // A trace that was cut off.
    check_received(&[], &[], (unseen, None));
}

#[test]
fn without_the_tables_nothing_is_said_of_states() {
    let mut process = shop();
    let listing = SocketStates {
        began: Timestamp(10),
        sockets: vec![SocketState {
            fd: 3,
            inode: 3,
            ..SocketState::default()
        }],
        settled: true,
        last: true,
        untold: true,
        ..SocketStates::default()
    };
    process.apply(Timestamp(11), &EventKind::SocketStates(listing));
    let sockets = Sockets::on(&process).expect("sockets");
    assert_eq!(sockets.unexplained[0].states, None);
    assert_eq!(sockets.queued_bytes, None);
    let text = sockets_text(&Report::on(&process));
    assert!(
        text.contains("not known: the tables in /proc/PID/net could"),
        "{text}"
    );
}
