//! The sockets of a process: which descriptor refers to which, and who opened it.
//!
//! A descriptor number is used again the instant it is closed, and the event of the close
//! may come after the event of the reuse. A close therefore carries when it began: what
//! was opened later is not what it closed.

mod listing;
mod origins;
mod snapshot;
mod table;
#[cfg(test)]
mod tests;

pub use listing::{Listed, OtherCount, Unexplained};
pub use origins::{Origin, OriginCount};

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Call, Errno, Peer, SocketAbout, SocketTraffic, Syscall, Timestamp};
use crate::ledger::creators::CreatorLedger;
use origins::{OriginId, Origins};

const SOCK_CLOEXEC: u32 = 0o2_000_000;
const CLOSE_RANGE_CLOEXEC: u32 = 4;
const F_DUPFD_CLOEXEC: u32 = 1030;
const EINPROGRESS: Errno = Errno(115);

/// The socket table.
#[derive(Clone, Debug, Default)]
pub struct DescriptorLedger {
    slots: BTreeMap<i32, Slot>,
    sockets: BTreeMap<u64, Socket>,
    next_socket: u64,
    /// By number: reuses whose close has not been reported yet.
    awaited: BTreeMap<i32, u32>,
    origins: Origins,
    snapshot: Option<Timestamp>,
    pre_existing: u64,
    opened: u64,
    closed: u64,
    /// Of those opened since the start.
    closed_again: u64,
    contradictions: u64,
    untracked: u64,
    has_states: bool,
    /// Open, though no call opened them.
    found: u64,
    /// Listed last time without a call that opened them.
    suspects: BTreeMap<i32, u64>,
    /// Numbers freed since the last list was begun, and when.
    released: BTreeMap<i32, Timestamp>,
    others: Option<BTreeMap<String, OtherCount>>,
}

/// What a descriptor number means now.
#[derive(Clone, Copy, Debug)]
struct Slot {
    socket: u64,
    /// When the call that made it returned; 0 when the snapshot listed it.
    since: Timestamp,
    cloexec: bool,
}

/// An open socket. Descriptors that were duplicated refer to the same one.
#[derive(Clone, Debug, Default)]
struct Socket {
    descriptors: u32,
    inode: Option<u64>,
    opened: Option<Opened>,
    /// A list had it, and no call had opened it.
    found: bool,
    /// As last seen.
    state: Option<&'static str>,
    queued: u64,
    traffic: Option<SocketTraffic>,
    about: Option<SocketAbout>,
}

#[derive(Clone, Copy, Debug)]
struct Opened {
    at: Timestamp,
    by: OriginId,
}

impl DescriptorLedger {
    /// Applies a call; `creators` tells what led to the goroutine that made it.
    pub fn apply(&mut self, call: &Call, at: Timestamp, creators: &CreatorLedger) {
        let entered = call.entered.unwrap_or(at);
        let origin = |accepted| Origin {
            accepted,
            stack: call.stack,
            chain: creators.chain(call.goroutine),
        };
        match (&call.what, call.outcome) {
            (Syscall::Socket { kind, .. }, Ok(fd)) => {
                let cloexec = kind & SOCK_CLOEXEC != 0;
                self.open(fd as i32, at, origin(false), cloexec, None);
            }
            (Syscall::Accept { flags, peer, .. }, Ok(fd)) => {
                self.open(
                    fd as i32,
                    at,
                    origin(true),
                    has_cloexec(*flags),
                    peer.as_ref(),
                );
            }
            (Syscall::Connect { fd, peer }, Ok(_) | Err(EINPROGRESS)) => {
                self.connect(*fd, peer.as_ref());
            }
            // The number is free again even when closing reports an error, but for EBADF.
            (Syscall::Close { fd }, outcome) if outcome != Err(Errno(9)) => {
                self.close(*fd, entered, at);
            }
            (Syscall::Dup { fd }, Ok(new)) => {
                self.duplicate_anew(*fd, new as i32, at, false);
            }
            (Syscall::DupTo { fd, to, flags }, Ok(_)) if !self.is_same(*fd, *to) => {
                // It closes its target itself: no other close will come.
                self.release(*to, at);
                self.duplicate(*fd, *to, at, has_cloexec(*flags));
            }
            (Syscall::Fcntl { fd, command, .. }, Ok(new)) => {
                self.duplicate_anew(*fd, new as i32, at, *command == F_DUPFD_CLOEXEC);
            }
            (Syscall::SocketPair { kind, pair, .. }, Ok(_)) => {
                for fd in pair {
                    self.open(*fd, at, origin(false), kind & SOCK_CLOEXEC != 0, None);
                }
            }
            (Syscall::CloseRange { first, last, flags }, Ok(_)) => {
                self.close_range(*first, *last, *flags, entered, at);
            }
            _ => {}
        }
    }

    /// The open descriptors at the start are known.
    #[must_use]
    pub fn is_seeded(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Sockets open now.
    #[must_use]
    pub fn open_sockets(&self) -> u64 {
        self.sockets.len() as u64
    }

    /// Sockets opened since the start.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.opened
    }

    /// Sockets closed since the start, those from before it included.
    #[must_use]
    pub fn closed(&self) -> u64 {
        self.closed
    }

    /// Sockets opened since the start and not closed again.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.opened - self.closed_again
    }

    /// Sockets that were open at the start.
    #[must_use]
    pub fn pre_existing(&self) -> u64 {
        self.pre_existing
    }

    /// Sockets found open that no call has opened: received from another process, or the call was
    /// not seen.
    #[must_use]
    pub fn found(&self) -> u64 {
        self.found
    }

    /// Closes that must have happened and were not reported, and connections made on
    /// descriptors that no call opened.
    #[must_use]
    pub fn contradictions(&self) -> u64 {
        self.contradictions
            + self
                .awaited
                .values()
                .map(|count| u64::from(*count))
                .sum::<u64>()
    }

    /// Sockets opened beyond the cap of the table.
    #[must_use]
    pub fn untracked(&self) -> u64 {
        self.untracked
    }

    /// Sockets by what opened them, with when the oldest open one was opened. Without an origin,
    /// and last, those of the origins that did not fit.
    pub fn origins(
        &self,
    ) -> impl Iterator<Item = (Option<&Origin>, &OriginCount, Option<Timestamp>)> {
        let mut oldest: BTreeMap<OriginId, Timestamp> = BTreeMap::new();
        for opened in self.sockets.values().filter_map(|socket| socket.opened) {
            let first = oldest.entry(opened.by).or_insert(opened.at);
            *first = opened.at.min(*first);
        }
        self.origins
            .iter()
            .map(move |(id, origin, count)| (origin, count, oldest.get(&id).copied()))
    }

    fn open(&mut self, fd: i32, at: Timestamp, origin: Origin, cloexec: bool, peer: Option<&Peer>) {
        let older_than_snapshot = self.is_older_than_snapshot(at);
        let by = self.origins.id(origin);
        let opened = Some(Opened { at, by });
        // The snapshot has seen this socket already, without knowing who opened it.
        let listed = self
            .slots
            .get_mut(&fd)
            .filter(|slot| older_than_snapshot && slot.since == Timestamp(0))
            .and_then(|slot| {
                self.sockets
                    .get_mut(&slot.socket)
                    .map(|socket| (slot, socket))
            })
            .filter(|(_, socket)| socket.opened.is_none());
        if let Some((slot, socket)) = listed {
            slot.since = at;
            slot.cloexec = cloexec;
            socket.opened = opened;
            self.pre_existing -= 1;
        } else {
            self.supersede(fd, at);
            if !self.has_room() {
                self.untracked += 1;
                return;
            }
            self.next_socket += 1;
            let socket = Socket {
                opened,
                ..Socket::default()
            };
            self.sockets.insert(self.next_socket, socket);
            self.refer(fd, self.next_socket, at, cloexec);
        }
        self.opened += 1;
        self.origins.opened(by);
        if let Some(peer) = peer {
            self.origins.peer(by, peer);
        }
    }

    fn connect(&mut self, fd: i32, peer: Option<&Peer>) {
        let Some(slot) = self.slots.get(&fd) else {
            self.contradictions += 1;
            return;
        };
        let opened = self
            .sockets
            .get(&slot.socket)
            .and_then(|socket| socket.opened);
        if let (Some(opened), Some(peer)) = (opened, peer) {
            self.origins.peer(opened.by, peer);
        }
    }

    fn close(&mut self, fd: i32, entered: Timestamp, at: Timestamp) {
        if self.is_late(fd, entered) {
            self.close_came(fd);
        } else {
            self.release(fd, at);
        }
    }

    fn close_range(
        &mut self,
        first: u32,
        last: u32,
        flags: u32,
        entered: Timestamp,
        at: Timestamp,
    ) {
        let (Ok(first), last) = (
            i32::try_from(first),
            i32::try_from(last).unwrap_or(i32::MAX),
        ) else {
            return;
        };
        if first > last {
            return;
        }
        if flags & CLOSE_RANGE_CLOEXEC != 0 {
            self.slots
                .range_mut(first..=last)
                .for_each(|(_, slot)| slot.cloexec = true);
            return;
        }
        let (open, awaited) = (
            self.slots.range(first..=last).map(|(fd, _)| *fd),
            self.awaited.range(first..=last).map(|(fd, _)| *fd),
        );
        for fd in open.chain(awaited).collect::<BTreeSet<i32>>() {
            self.close(fd, entered, at);
        }
    }
}

fn has_cloexec(flags: Option<u32>) -> bool {
    flags.is_some_and(|flags| flags & SOCK_CLOEXEC != 0)
}
