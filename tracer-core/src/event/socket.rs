//! What the kernel says of open sockets.

use std::ops::AddAssign;

use super::{Errno, Peer, Timestamp};

/// The process asked what became of a `connect` in progress (`SO_ERROR` of `getsockopt`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ConnectAnswer {
    /// The descriptor.
    pub fd: i32,
    /// The error that ended it; `None` when there was none.
    pub error: Option<Errno>,
}

/// The sockets of a process, as `/proc` lists them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SocketStates {
    /// When the reading began: what was opened later is not in it.
    pub began: Timestamp,
    /// In order of their descriptors.
    pub sockets: Vec<SocketState>,
    /// All sockets are listed, and all calls from before the reading have been told: what the calls
    /// do not account for was missed.
    pub settled: bool,
    /// It is the last list: no call follows.
    pub last: bool,
    /// The tables of the network namespace could not be read: of the sockets only descriptor and
    /// inode are known.
    pub untold: bool,
    /// Descriptors that are no sockets, by kind.
    pub others: Vec<OtherDescriptors>,
}

/// One open socket.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SocketState {
    /// Its descriptor.
    pub fd: i32,
    /// Its inode.
    pub inode: u64,
    /// TCP: as the kernel numbers it (`include/net/tcp_states.h`); 0 for others.
    pub state: u32,
    /// Bytes that wait in its kernel buffers, to be sent or read.
    pub queued: u64,
    /// TCP: what went through it and what it takes, where the kernel tells.
    pub traffic: Option<SocketTraffic>,
    /// What it is, told the first time.
    pub about: Option<SocketAbout>,
}

/// What the kernel's socket diagnostics tell of a connection, in bytes; headers and what was sent
/// again are not counted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SocketTraffic {
    /// To the other end.
    pub sent: u64,
    /// From the other end.
    pub received: u64,
    /// Kernel memory that its buffers take, with what they have in reserve; `None` before format 1.8.
    pub memory: Option<u64>,
}

impl SocketTraffic {
    /// Whether so much more, or less, went through it.
    #[must_use]
    pub fn has_moved(&self, before: &Self) -> bool {
        (self.sent, self.received) != (before.sent, before.received)
    }
}

impl AddAssign for SocketTraffic {
    fn add_assign(&mut self, other: Self) {
        self.sent = self.sent.saturating_add(other.sent);
        self.received = self.received.saturating_add(other.received);
        if let Some(memory) = other.memory {
            self.memory = Some(self.memory.unwrap_or(0).saturating_add(memory));
        }
    }
}

/// What does not change about a socket.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct SocketAbout {
    /// The kernel's name of its protocol: `TCP`, `TCPv6`, `UDP`, `UNIX`, `MPTCP`; empty when it
    /// was not told.
    pub protocol: String,
    /// Its own address.
    pub local: Option<Peer>,
    /// The other end.
    pub remote: Option<Peer>,
}

/// Open descriptors of one kind.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OtherDescriptors {
    /// `file`, `pipe`, or what the kernel calls it: `eventpoll`, `eventfd`, …
    pub kind: String,
    /// How many.
    pub count: u64,
}

impl SocketState {
    /// There is a connection, or was one.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(self.state, 1 | 4..=6 | 8 | 9 | 11)
    }

    /// The name of the state.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.state {
            1 => "ESTABLISHED",
            2 => "SYN_SENT",
            3 => "SYN_RECV",
            4 => "FIN_WAIT1",
            5 => "FIN_WAIT2",
            6 => "TIME_WAIT",
            7 => "CLOSE",
            8 => "CLOSE_WAIT",
            9 => "LAST_ACK",
            10 => "LISTEN",
            11 => "CLOSING",
            12 => "NEW_SYN_RECV",
            _ => "OTHER",
        }
    }
}
