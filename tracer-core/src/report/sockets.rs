//! Sockets by who opened them.

mod connects;
mod origin;
#[cfg(test)]
mod tests;
mod unexplained;
mod way;

pub use connects::ConnectCounts;
pub use unexplained::{Direction, OtherDescriptors, UnexplainedSockets};

use std::collections::BTreeMap;

use serde::Serialize;

use super::stack::StackFrame;
use crate::event::Peer;
use crate::ledger::per_socket::PerSocket;
use crate::process::Process;

/// Why states are missing.
const UNTOLD: &str = "the tables in /proc/PID/net could not be read, or not whole";

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
    /// Found open in `/proc` later, though no call that opened them was seen.
    pub found: u64,
    /// Of these, received from other processes; `None` where a call that opened them may have been
    /// missed.
    pub received: Option<u64>,
    /// Closes that must have happened and were not seen, and the like.
    pub contradictions: u64,
    /// Why states, addresses and bytes are not known, when they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub states_missing: Option<&'static str>,
    /// Bytes that wait in the kernel's buffers: they are not in RSS, but count against a cgroup.
    pub queued_bytes: Option<u64>,
    /// Kernel memory that the buffers of TCP sockets take, the reserve of each included; not in RSS,
    /// but it counts against a cgroup. `None` where the kernel does not tell.
    pub buffer_bytes: Option<u64>,
    /// Whether and why it was watched who creates goroutines; `None` when it never was.
    pub creators: Option<Creators>,
    /// What there is more of for each open socket more; each `None` where too little moved.
    pub per_open: PerOpen,
    /// By what opened them, most open first.
    pub origins: Vec<SocketOrigin>,
    /// Those that are open and that no call has opened, most first.
    pub unexplained: Vec<UnexplainedSockets>,
    /// Descriptors that are no sockets, by kind; `None` when they were not listed.
    pub other_descriptors: Option<Vec<OtherDescriptors>>,
}

/// The watch on who creates goroutines.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Creators {
    /// It goes on.
    pub watching: bool,
    /// Why it does, or does not.
    pub reason: String,
    /// Goroutines seen being created.
    pub created: u64,
}

/// What moves with the number of open sockets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PerOpen {
    /// Bytes of live heap, from collection to collection.
    pub live_heap_bytes: Option<Slope>,
    /// Bytes of RSS.
    pub rss_bytes: Option<Slope>,
    /// Goroutines.
    pub goroutines: Option<Slope>,
}

/// So much more for each socket more.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Slope {
    /// The median of all slopes.
    pub value: f64,
    /// With 95 % confidence it is not less …
    pub low: f64,
    /// … and not more.
    pub high: f64,
    /// Readings it rests on.
    pub readings: u64,
}

impl Slope {
    fn of(fit: PerSocket) -> Self {
        Self {
            value: fit.value,
            low: fit.interval.0,
            high: fit.interval.1,
            readings: fit.readings as u64,
        }
    }
}

/// The sockets of one origin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SocketOrigin {
    /// Opened while watched.
    pub opened: u64,
    /// Of these, closed.
    pub closed: u64,
    /// Of these, still open.
    pub open: u64,
    /// By `accept`, else by `socket`; `None` when it stands for several.
    pub accepted: Option<bool>,
    /// Age of the oldest that is open.
    pub oldest_seconds: Option<f64>,
    /// Some of the addresses at the other end, or where it was looked for.
    pub peers: Vec<String>,
    /// Who closed them, most first, where the call was seen.
    pub closed_by: Vec<Closer>,
    /// What became of the connections that were asked for; `None` when none was, or when that was
    /// not recorded.
    pub connects: Option<ConnectCounts>,
    /// Open TCP sockets by state, as last seen.
    pub states: Option<BTreeMap<&'static str, u64>>,
    /// Bytes that went through the open TCP sockets, without headers, as last seen; `None` where
    /// the kernel does not tell.
    pub bytes_sent: Option<u64>,
    /// The same from the other end.
    pub bytes_received: Option<u64>,
    /// Kernel memory that their buffers take, outside of RSS.
    pub buffer_bytes: Option<u64>,
    /// Whether they are still used; `None` where none was open for long enough to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The service's own line.
    pub origin: Option<StackFrame>,
    /// The service's own lines between it and the call, where what it calls is called by others
    /// too that treat their sockets otherwise; outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<StackFrame>,
    /// Why there is no such line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin_missing: Option<String>,
    /// The `go` statements between the call and the origin, the last executed first.
    pub chain: Vec<ChainHop>,
    /// How many different stacks and chains this sums up.
    pub stacks: u64,
    /// Of the most frequent one, innermost first; empty when lost, or when it stands for several.
    pub stack: Vec<StackFrame>,
}

/// Whether open TCP sockets carry anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Usage {
    /// Those that were watched for ten seconds or longer.
    pub known: u64,
    /// Of these, those that carried bytes in the last ten seconds.
    pub used: u64,
}

/// A line that closes sockets.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Closer {
    /// How many.
    pub closed: u64,
    /// The service's own line, else the outermost one that is not the runtime's.
    #[serde(flatten)]
    pub at: StackFrame,
}

/// The creation of a goroutine on the way to a call.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ChainHop {
    /// The `go` statement.
    #[serde(flatten)]
    pub created_by: StackFrame,
    /// It is older than the watch on creations: what led to the statement is not known.
    pub listed: bool,
}

impl SocketOrigin {
    /// The service's own line, else the outermost one that is not the runtime's.
    #[must_use]
    pub fn place(&self) -> String {
        if let Some(own) = &self.origin {
            return own.place();
        }
        let outermost = self
            .stack
            .iter()
            .rev()
            .find(|frame| !frame.function.starts_with("runtime."));
        let outermost = outermost.or(self.stack.first());
        outermost.map_or("a lost stack".to_owned(), StackFrame::place)
    }
}

impl Sockets {
    /// The sockets, by the lines that asked for them; rules look at these too.
    pub(crate) fn on(process: &Process) -> Option<Self> {
        let ledger = process.descriptors();
        if !ledger.is_seeded() && ledger.opened() == 0 {
            return None;
        }
        let seeded = ledger.is_seeded();
        let creators = process.creators();
        Some(Self {
            open: seeded.then(|| ledger.open_sockets()),
            opened: ledger.opened(),
            closed: ledger.closed(),
            pre_existing: seeded.then(|| ledger.pre_existing()),
            found: ledger.found(),
            received: unexplained::received(process),
            contradictions: ledger.contradictions(),
            states_missing: ledger.is_untold().then_some(UNTOLD),
            queued_bytes: ledger.queued(),
            buffer_bytes: ledger.buffers(),
            creators: creators.watch().map(|watch| Creators {
                watching: watch.watching,
                reason: watch.reason.clone(),
                created: creators.seen(),
            }),
            per_open: PerOpen {
                live_heap_bytes: process.live_per_socket().map(Slope::of),
                rss_bytes: process.per_socket().rss().map(Slope::of),
                goroutines: process.goroutines_per_socket().map(Slope::of),
            },
            origins: origin::all(process),
            unexplained: unexplained::all(process),
            other_descriptors: unexplained::others(ledger),
        })
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
