//! The sockets of a process: which descriptor refers to which, and who opened it.
//!
//! A descriptor number is used again the instant it is closed, and the event of the close
//! may come after the event of the reuse. A close therefore carries when it began: what
//! was opened later is not what it closed.

mod connects;
mod listing;
mod origins;
mod snapshot;
mod table;
#[cfg(test)]
mod tests;

pub use connects::Connects;
pub use listing::{Listed, OtherCount, Unexplained, Whence};
pub use origins::{Origin, OriginCount};

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Call, Errno, Peer, SocketAbout, SocketTraffic, StackId, Syscall, Timestamp};
use crate::ledger::creators::CreatorLedger;
use listing::Suspect;
use origins::{OriginId, Origins};

const SOCK_CLOEXEC: u32 = 0o2_000_000;
const CLOSE_RANGE_CLOEXEC: u32 = 4;
const F_DUPFD_CLOEXEC: u32 = 1030;

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
    /// When the last list was begun.
    listed_at: Timestamp,
    /// The last list had no states.
    untold: bool,
    /// Open, though no call opened them.
    found: u64,
    /// Of these, in the last list alone.
    found_last: u64,
    /// Listed last time without a call that opened them.
    suspects: BTreeMap<i32, Suspect>,
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
    /// Whence it is, if no call has opened it.
    whence: Whence,
    /// A `connect` waits for its answer.
    in_progress: bool,
    /// As last seen.
    state: Option<&'static str>,
    queued: u64,
    traffic: Option<SocketTraffic>,
    /// The first list that told its traffic …
    listed: Option<Timestamp>,
    /// … and the last one that told of more.
    moved: Option<Timestamp>,
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
            (Syscall::Connect { fd, peer }, outcome) => {
                self.connect(*fd, peer.as_ref(), outcome);
            }
            // The number is free again even when closing reports an error, but for EBADF.
            (Syscall::Close { fd }, outcome) if outcome != Err(Errno(9)) => {
                self.close(*fd, entered, at, call.stack);
            }
            (Syscall::Dup { fd }, Ok(new)) => {
                self.duplicate_anew(*fd, new as i32, at, false);
            }
            (Syscall::DupTo { fd, to, flags }, Ok(_))
                if fd != to && !self.is_listed_copy(*fd, *to, at) =>
            {
                // It closes its target itself: no other close will come.
                self.release(*to, at, call.stack);
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
                self.close_range((*first, *last, *flags), entered, at, call.stack);
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

    /// Of these, those whose call may have been on its way when the watch ended.
    #[must_use]
    pub fn found_last(&self) -> u64 {
        self.found_last
    }

    /// Closes that must have happened and were not reported.
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

    /// When the sockets were opened that stay: those dialled where at most a tenth is closed. In the
    /// order of time.
    #[must_use]
    pub fn staying(&self) -> Vec<Timestamp> {
        let keeps = |(id, origin, count): (OriginId, Option<&Origin>, &OriginCount)| {
            let is_dialled = origin.is_some_and(|origin| !origin.accepted);
            (is_dialled && count.closed.saturating_mul(10) <= count.opened).then_some(id)
        };
        let keeping: BTreeSet<OriginId> = self.origins.iter().filter_map(keeps).collect();
        let opened = self.sockets.values().filter_map(|socket| socket.opened);
        let staying = opened.filter(|opened| keeping.contains(&opened.by));
        let mut staying: Vec<Timestamp> = staying.map(|opened| opened.at).collect();
        staying.sort_unstable();
        staying
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

    fn close(&mut self, fd: i32, entered: Timestamp, at: Timestamp, by: Option<StackId>) {
        if self.is_late(fd, entered) {
            self.close_came(fd);
        } else {
            self.release(fd, at, by);
        }
    }

    fn close_range(
        &mut self,
        (first, last, flags): (u32, u32, u32),
        entered: Timestamp,
        at: Timestamp,
        by: Option<StackId>,
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
            self.close(fd, entered, at, by);
        }
    }
}

fn has_cloexec(flags: Option<u32>) -> bool {
    flags.is_some_and(|flags| flags & SOCK_CLOEXEC != 0)
}
