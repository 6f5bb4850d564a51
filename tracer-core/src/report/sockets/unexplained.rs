//! What is open though no call has opened it: from before the start, received, or opened unseen.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::peer_text;
use crate::event::{Peer, SocketAbout};
use crate::ledger::descriptors::{DescriptorLedger, Listed, OtherCount, Unexplained, Whence};
use crate::process::Process;

/// Groups shown; the rest is summed up in one without an address.
const MAX_GROUPS: usize = 50;

/// Calls that make a descriptor of a socket, and those whose name was not seen.
const OPENING: [&str; 9] = [
    "socket",
    "socketpair",
    "accept",
    "accept4",
    "dup",
    "dup2",
    "dup3",
    "fcntl",
    "unknown_call",
];

/// A descriptor through which the kernel is asked for sockets without a call of their own.
const RING: &str = "io_uring";

/// Open sockets that no call has opened.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct UnexplainedSockets {
    /// How many.
    pub open: u64,
    /// Found while watching: received from another process, or opened unseen. Else they were open
    /// at the start.
    pub found: bool,
    /// They were received: no call of the process opened them, and none was missed.
    pub received: bool,
    /// The kernel's name of the protocol.
    pub protocol: Option<String>,
    /// What they do at the address; `None` when it stands for several.
    pub direction: Option<Direction>,
    /// Where they listen, where they were accepted, or whom they were dialled to.
    pub address: Option<String>,
    /// TCP: by state; `None` where the kernel does not tell.
    pub states: Option<BTreeMap<&'static str, u64>>,
    /// Bytes that went through them, without headers, as last seen; `None` where the kernel does
    /// not tell.
    pub bytes_sent: Option<u64>,
    /// The same from the other end.
    pub bytes_received: Option<u64>,
    /// Kernel memory that their buffers take, outside of RSS.
    pub buffer_bytes: Option<u64>,
}

/// Which side of a connection a socket is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It waits for connections.
    Listening,
    /// Its own address is one where the process listens.
    Accepted,
    /// It has another end, and was not accepted.
    Dialled,
    /// It has another end, and another process may have accepted it.
    Connected,
    /// It has no other end.
    Unconnected,
}

impl Direction {
    /// How the address that goes with it is told.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Listening => "listening on",
            Self::Accepted => "accepted on",
            Self::Dialled => "to",
            Self::Connected => "connected with",
            Self::Unconnected => "at",
        }
    }
}

/// Descriptors of one kind that are no sockets.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct OtherDescriptors {
    /// `file`, `pipe`, or what the kernel calls it.
    pub kind: String,
    /// Open now.
    pub open: u64,
    /// Against the first list.
    pub growth: i64,
}

/// What is counted together: whence they are, protocol, direction and address.
type Key<'a> = (Whence, Option<&'a str>, Option<Direction>, Option<&'a Peer>);

/// How many were received from other processes, those closed again included; `None` where a call
/// that opened them may have been missed.
pub(super) fn received(process: &Process) -> Option<u64> {
    let ledger = process.descriptors();
    sees_all_opened(process).then(|| ledger.found() - ledger.found_last())
}

/// Whether no socket can have been opened by the process itself and unseen.
fn sees_all_opened(process: &Process) -> bool {
    let mut kinds = process.loss().iter().peekable();
    let is_told = kinds.peek().is_some();
    let missed = kinds
        .filter(|kind| OPENING.contains(&kind.kind.as_str()))
        .any(|kind| kind.lost > 0 || kind.skipped > 0);
    let others = process.descriptors().others();
    let rings = others.and_then(|others| others.get(RING));
    is_told && !missed && rings.is_none()
}

/// Who they are, most first.
pub(super) fn all(process: &Process) -> Vec<UnexplainedSockets> {
    let ledger = process.descriptors();
    let sees_all = sees_all_opened(process);
    let sockets: Vec<Unexplained<'_>> = ledger.unexplained().collect();
    let listening: BTreeSet<u16> = sockets
        .iter()
        .filter(|socket| socket.state == Some("LISTEN"))
        .filter_map(|socket| port(socket.about?.local.as_ref()))
        .collect();
    let mut groups: BTreeMap<Key<'_>, (u64, Listed)> = BTreeMap::new();
    for socket in &sockets {
        let (direction, address) = place(socket, &listening);
        let protocol = socket.about.map(|about| about.protocol.as_str());
        let key = (socket.whence, protocol, direction, address);
        let (open, listed) = groups.entry(key).or_default();
        *open += 1;
        listed.add(socket.state, socket.traffic);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, (open, _))| Reverse(*open));
    let rest = groups.split_off(groups.len().min(MAX_GROUPS));
    for whence in [Whence::Before, Whence::Later, Whence::Last] {
        let mut sum = (0, Listed::default());
        for (_, (open, listed)) in rest.iter().filter(|((other, ..), _)| *other == whence) {
            sum.0 += open;
            sum.1 += listed.clone();
        }
        groups.extend((sum.0 > 0).then_some(((whence, None, None, None), sum)));
    }
    let line =
        |((whence, protocol, direction, address), (open, listed)): (Key<'_>, (u64, Listed))| {
            UnexplainedSockets {
                open,
                found: whence != Whence::Before,
                received: whence == Whence::Later && sees_all,
                protocol: protocol
                    .filter(|protocol| !protocol.is_empty())
                    .map(str::to_owned),
                direction,
                address: address.map(peer_text),
                states: (!ledger.is_untold()).then_some(listed.states),
                bytes_sent: listed.traffic.map(|traffic| traffic.sent),
                bytes_received: listed.traffic.map(|traffic| traffic.received),
                buffer_bytes: listed.traffic.and_then(|traffic| traffic.memory),
            }
        };
    groups.into_iter().map(line).collect()
}

/// How many of the others there are; `None` without a list.
pub(super) fn others(ledger: &DescriptorLedger) -> Option<Vec<OtherDescriptors>> {
    let other = |(kind, count): (&String, &OtherCount)| OtherDescriptors {
        kind: kind.clone(),
        open: count.last,
        growth: count.last.cast_signed() - count.first.cast_signed(),
    };
    Some(ledger.others()?.iter().map(other).collect())
}

fn place<'a>(
    socket: &Unexplained<'a>,
    listening: &BTreeSet<u16>,
) -> (Option<Direction>, Option<&'a Peer>) {
    let Some(about) = socket.about else {
        return (None, None);
    };
    let SocketAbout {
        protocol,
        local,
        remote,
    } = about;
    let (local, remote) = (local.as_ref(), remote.as_ref());
    if socket.state == Some("LISTEN") {
        (Some(Direction::Listening), local)
    } else if remote.is_none() {
        // Of Unix sockets the other end is not told.
        let has_none = protocol != "UNIX";
        (has_none.then_some(Direction::Unconnected), local)
    } else if port(local).is_some_and(|port| listening.contains(&port)) {
        (Some(Direction::Accepted), local)
    } else if socket.whence == Whence::Before {
        (Some(Direction::Dialled), remote)
    } else {
        (Some(Direction::Connected), remote)
    }
}

fn port(address: Option<&Peer>) -> Option<u16> {
    match address? {
        Peer::Inet(address) => Some(address.port()),
        _ => None,
    }
}
