//! What `/proc` lists from time to time, against what the calls have told.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use super::{DescriptorLedger, Origin, Socket};
use crate::event::{SocketAbout, SocketState, SocketStates, SocketTraffic, Timestamp};
use crate::ledger::descriptors::origins::OriginId;

/// Kinds of other descriptors that are told apart; the kernel has about thirty.
const MAX_KINDS: usize = 64;
/// Two lists and more have told of a socket in this time, with the five seconds between them.
const IN_USE_SECONDS: f64 = 9.0;

/// Descriptors of one kind that are no sockets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OtherCount {
    /// In the first list.
    pub first: u64,
    /// In the last one.
    pub last: u64,
}

/// Whence a socket is that no call has opened.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Whence {
    /// It was open at the start.
    #[default]
    Before,
    /// It came later, and stayed for so long that its call would have been told.
    Later,
    /// Only the last list has it: its call may have been on its way.
    Last,
}

/// What a list has that no call has opened: the next one decides.
#[derive(Clone, Debug)]
pub(super) struct Suspect {
    inode: u64,
    about: Option<SocketAbout>,
}

/// An open socket that no call has opened.
#[derive(Clone, Copy, Debug)]
pub struct Unexplained<'a> {
    /// Whence it is.
    pub whence: Whence,
    /// As last seen.
    pub state: Option<&'static str>,
    /// Bytes in the kernel's buffers.
    pub queued: u64,
    /// What went through it.
    pub traffic: Option<SocketTraffic>,
    /// What it is, if that was told.
    pub about: Option<&'a SocketAbout>,
}

/// Open sockets together, as last listed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Listed {
    /// TCP: how many are in which state.
    pub states: BTreeMap<&'static str, u64>,
    /// What went through them; `None` where the kernel told it of none.
    pub traffic: Option<SocketTraffic>,
    /// Those of which two lists and more told what went through them.
    pub known: u64,
    /// Of these, those through which bytes went since the last list but two.
    pub used: u64,
}

impl Listed {
    fn add_use(&mut self, socket: &Socket, now: Timestamp) {
        let is_recent = |at: Timestamp| now.seconds_since(at) < IN_USE_SECONDS;
        if socket.listed.is_some_and(|listed| !is_recent(listed)) {
            self.known += 1;
            self.used += u64::from(socket.moved.is_some_and(is_recent));
        }
    }

    /// Counts one more.
    pub fn add(&mut self, state: Option<&'static str>, traffic: Option<SocketTraffic>) {
        if let Some(state) = state {
            *self.states.entry(state).or_default() += 1;
        }
        if let Some(traffic) = traffic {
            *self.traffic.get_or_insert_default() += traffic;
        }
    }
}

impl AddAssign for Listed {
    fn add_assign(&mut self, other: Self) {
        for (state, count) in other.states {
            *self.states.entry(state).or_default() += count;
        }
        if let Some(traffic) = other.traffic {
            *self.traffic.get_or_insert_default() += traffic;
        }
        self.known += other.known;
        self.used += other.used;
    }
}

impl DescriptorLedger {
    /// Takes a list of the open sockets.
    pub fn observe(&mut self, listing: &SocketStates) {
        self.has_states = !listing.untold;
        self.untold = listing.untold;
        self.listed_at = listing.began;
        if listing.settled {
            // Without a list from the start, what is new is not known.
            if self.is_seeded() {
                self.reconcile(listing);
            }
            self.count_others(listing);
        }
        let mut connected = Vec::new();
        for listed in &listing.sockets {
            let slot = self.slots.get(&listed.fd);
            // The number may have been given out again since the reading began.
            let slot = slot.filter(|slot| slot.since <= listing.began);
            let socket = slot.and_then(|slot| self.sockets.get_mut(&slot.socket));
            if let Some(socket) = socket
                && socket.inode.is_none_or(|known| known == listed.inode)
            {
                socket.state = (listed.state != 0).then(|| listed.name());
                socket.queued = listed.queued;
                if let Some(traffic) = listed.traffic {
                    let before = socket.traffic;
                    if before.is_some_and(|before| traffic.has_moved(&before)) {
                        socket.moved = Some(listing.began);
                    }
                    socket.listed.get_or_insert(listing.began);
                }
                socket.traffic = listed.traffic;
                if let Some(about) = &listed.about {
                    socket.about = Some(about.clone());
                }
                if listed.is_connected() {
                    connected.push(listed.fd);
                }
            }
        }
        for fd in connected {
            self.seen_connected(fd);
        }
    }

    /// The open sockets of each origin, as last listed; `None` without a list. Those from before
    /// the start have no origin.
    #[must_use]
    pub fn listed(&self) -> Option<BTreeMap<Option<&Origin>, Listed>> {
        let origins = self.origins.iter().map(|(id, origin, _)| (id, origin));
        let origins: BTreeMap<OriginId, Option<&Origin>> = origins.collect();
        let mut by_origin: BTreeMap<Option<&Origin>, Listed> = BTreeMap::new();
        for socket in self.sockets.values() {
            let origin = socket.opened.and_then(|opened| *origins.get(&opened.by)?);
            let listed = by_origin.entry(origin).or_default();
            listed.add(socket.state, socket.traffic);
            listed.add_use(socket, self.listed_at);
        }
        self.has_states.then_some(by_origin)
    }

    /// States, addresses and buffers of the last list could not be read.
    #[must_use]
    pub fn is_untold(&self) -> bool {
        self.untold
    }

    /// Bytes that wait in the kernel's buffers of all sockets, as last seen; `None` without a
    /// reading.
    #[must_use]
    pub fn queued(&self) -> Option<u64> {
        let queued = self.sockets.values().map(|socket| socket.queued);
        self.has_states.then(|| queued.fold(0, u64::saturating_add))
    }

    /// Kernel memory of the buffers of all TCP sockets, as last seen; `None` where the kernel does not
    /// tell.
    #[must_use]
    pub fn buffers(&self) -> Option<u64> {
        let traffic = self.sockets.values().filter_map(|socket| socket.traffic);
        let memory = traffic.filter_map(|traffic| traffic.memory);
        memory.reduce(u64::saturating_add)
    }

    /// The open sockets that no call has opened.
    pub fn unexplained(&self) -> impl Iterator<Item = Unexplained<'_>> {
        let unexplained = self.sockets.values();
        let unexplained = unexplained.filter(|socket| socket.opened.is_none());
        unexplained.map(|socket| Unexplained {
            whence: socket.whence,
            state: socket.state,
            queued: socket.queued,
            traffic: socket.traffic,
            about: socket.about.as_ref(),
        })
    }

    /// Descriptors that are no sockets, by kind; `None` without a list.
    #[must_use]
    pub fn others(&self) -> Option<&BTreeMap<String, OtherCount>> {
        self.others.as_ref()
    }

    /// Puts right what calls that were not seen have done.
    fn reconcile(&mut self, listing: &SocketStates) {
        let began = listing.began;
        let listed: BTreeMap<i32, u64> = listing
            .sockets
            .iter()
            .map(|SocketState { fd, inode, .. }| (*fd, *inode))
            .collect();
        let mut by_inode: BTreeMap<u64, u64> = self
            .sockets
            .iter()
            .filter_map(|(id, socket)| Some((socket.inode?, *id)))
            .collect();
        self.released.retain(|_, at| *at >= began);
        for fd in self.closed_unseen(&listed, began, &mut by_inode) {
            self.release(fd, began, None);
            self.await_close(fd);
            self.released.remove(&fd);
        }
        let unexplained: BTreeMap<i32, u64> = listed
            .into_iter()
            .filter(|(fd, _)| !self.slots.contains_key(fd) && !self.released.contains_key(fd))
            .collect();
        // A call may have given the number and not yet have returned: the next list decides,
        // unless there is none.
        let (found, suspects): (BTreeMap<i32, u64>, BTreeMap<i32, u64>) =
            unexplained.into_iter().partition(|(fd, inode)| {
                let suspect = self.suspects.get(fd);
                suspect.is_some_and(|suspect| suspect.inode == *inode)
            });
        self.find(found, Whence::Later, began, &mut by_inode);
        if listing.last {
            self.find(suspects, Whence::Last, began, &mut by_inode);
        } else {
            // What they are is told once.
            let listed = listing.sockets.iter();
            self.suspects = listed
                .filter(|listed| suspects.contains_key(&listed.fd))
                .map(|listed| {
                    let (inode, about) = (listed.inode, listed.about.clone());
                    (listed.fd, Suspect { inode, about })
                })
                .collect();
        }
    }

    /// The numbers that do not mean what the calls have told, and learns inodes from the others.
    fn closed_unseen(
        &mut self,
        listed: &BTreeMap<i32, u64>,
        began: Timestamp,
        by_inode: &mut BTreeMap<u64, u64>,
    ) -> Vec<i32> {
        let mut closed = Vec::new();
        for (fd, slot) in self.slots.iter().filter(|(_, slot)| slot.since < began) {
            let socket = self.sockets.get_mut(&slot.socket);
            let known = listed.get(fd).zip(socket).is_some_and(|(inode, socket)| {
                // Different sockets have different inodes.
                *socket.inode.get_or_insert(*inode) == *inode
                    && *by_inode.entry(*inode).or_insert(slot.socket) == slot.socket
            });
            if !known {
                closed.push(*fd);
            }
        }
        closed
    }

    /// Takes up sockets that no call has opened.
    fn find(
        &mut self,
        found: BTreeMap<i32, u64>,
        whence: Whence,
        at: Timestamp,
        by_inode: &mut BTreeMap<u64, u64>,
    ) {
        for (fd, inode) in found {
            if !self.has_room() {
                self.untracked += 1;
                continue;
            }
            // Else it is a duplicate.
            let known = by_inode
                .get(&inode)
                .filter(|id| self.sockets.contains_key(id));
            let id = known.copied().unwrap_or_else(|| {
                self.found += 1;
                self.found_last += u64::from(whence == Whence::Last);
                self.next_socket += 1;
                let socket = Socket {
                    inode: Some(inode),
                    whence,
                    about: self
                        .suspects
                        .get(&fd)
                        .and_then(|suspect| suspect.about.clone()),
                    ..Socket::default()
                };
                self.sockets.insert(self.next_socket, socket);
                by_inode.insert(inode, self.next_socket);
                self.next_socket
            });
            self.refer(fd, id, at, false);
        }
    }

    fn count_others(&mut self, listing: &SocketStates) {
        let is_first = self.others.is_none();
        let others = self.others.get_or_insert_default();
        for count in others.values_mut() {
            count.last = 0;
        }
        for other in listing.others.iter().take(MAX_KINDS) {
            let count = others.entry(other.kind.clone()).or_default();
            count.last = other.count;
            if is_first {
                count.first = other.count;
            }
        }
        while others.len() > MAX_KINDS {
            others.pop_last();
        }
    }
}
