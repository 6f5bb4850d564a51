//! Sockets by who opened them.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::AddAssign;

use serde::Serialize;

use super::NotMeasured;
use super::stack::{StackFrame, by_lines, frames, own_line};
use crate::event::{Peer, Timestamp};
use crate::process::Process;

/// Origins shown; the rest is summed up in one without a stack.
const MAX_ORIGINS: usize = 50;
/// Peers shown of one origin.
const MAX_PEERS: usize = 8;

/// The sockets of a process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sockets {
    /// Open now; `None` when it is not known what was open at the start.
    pub open: Option<u64>,
    /// Opened while watched.
    pub opened: u64,
    /// Closed while watched.
    pub closed: u64,
    /// Open at the start.
    pub pre_existing: Option<u64>,
    /// Closes that must have happened and were not seen, and the like.
    pub contradictions: u64,
    /// By the stack that opened them, most open first.
    pub origins: Vec<SocketOrigin>,
}

/// The sockets opened by one stack.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SocketOrigin {
    /// Opened while watched.
    pub opened: u64,
    /// Of these, closed.
    pub closed: u64,
    /// Of these, still open.
    pub open: u64,
    /// Age of the oldest that is open.
    pub oldest_seconds: Option<f64>,
    /// Some of the addresses at the other end.
    pub peers: Vec<String>,
    /// Sockets by state.
    pub states: NotMeasured,
    /// The service's own line.
    pub origin: Option<StackFrame>,
    /// Creators of the goroutine that opened them.
    pub chain: Vec<StackFrame>,
    /// How many different stacks this sums up.
    pub stacks: u64,
    /// Innermost first; empty when lost, or when it stands for several.
    pub stack: Vec<StackFrame>,
}

/// Counts of stacks that read alike.
#[derive(Clone, Debug, Default)]
struct Sum {
    opened: u64,
    closed: u64,
    oldest: Option<Timestamp>,
    peers: BTreeSet<Peer>,
}

impl Sum {
    fn open(&self) -> u64 {
        self.opened.saturating_sub(self.closed)
    }
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.opened += other.opened;
        self.closed += other.closed;
        self.oldest = match (self.oldest, other.oldest) {
            (Some(mine), Some(theirs)) => Some(mine.min(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        self.peers.extend(other.peers);
    }
}

impl Sockets {
    pub(super) fn on(process: &Process) -> Option<Self> {
        let ledger = process.descriptors();
        if !ledger.is_seeded() && ledger.opened() == 0 {
            return None;
        }
        let counts = ledger.origins().map(|(stack, count, oldest)| {
            let peers = count.peers;
            (
                stack,
                Sum {
                    opened: count.opened,
                    closed: count.closed,
                    oldest,
                    peers,
                },
            )
        });
        let mut sums: Vec<_> = by_lines(process, counts).into_iter().collect();
        // The map's order decides between equals.
        sums.sort_by_key(|(_, sum)| Reverse((sum.open(), sum.opened)));
        let others = sums.split_off(sums.len().min(MAX_ORIGINS));
        let mut origins: Vec<SocketOrigin> = sums
            .into_iter()
            .map(|(lines, sum)| SocketOrigin {
                origin: own_line(process, &lines).map(StackFrame::from_frame),
                stack: frames(&lines),
                ..SocketOrigin::new(process, &sum, 1)
            })
            .collect();
        if !others.is_empty() {
            let mut rest = Sum::default();
            let stacks = others.len() as u64;
            for (_, sum) in others {
                rest += sum;
            }
            origins.push(SocketOrigin::new(process, &rest, stacks));
        }
        let seeded = ledger.is_seeded();
        Some(Self {
            open: seeded.then(|| ledger.open_sockets()),
            opened: ledger.opened(),
            closed: ledger.closed(),
            pre_existing: seeded.then(|| ledger.pre_existing()),
            contradictions: ledger.contradictions(),
            origins,
        })
    }
}

impl SocketOrigin {
    fn new(process: &Process, sum: &Sum, stacks: u64) -> Self {
        Self {
            opened: sum.opened,
            closed: sum.closed,
            open: sum.open(),
            oldest_seconds: sum
                .oldest
                .map(|oldest| process.last_at().seconds_since(oldest)),
            peers: sum.peers.iter().take(MAX_PEERS).map(peer_text).collect(),
            states: NotMeasured,
            origin: None,
            chain: Vec::new(),
            stacks,
            stack: Vec::new(),
        }
    }
}

fn peer_text(peer: &Peer) -> String {
    match peer {
        Peer::Inet(address) => address.to_string(),
        Peer::Unix(path) => match path.split_first() {
            Some((0, name)) => format!("unix:@{}", String::from_utf8_lossy(name)),
            _ => format!("unix:{}", String::from_utf8_lossy(path)),
        },
        Peer::Other(family) => format!("address family {family}"),
    }
}
