//! Numbers, the sockets they refer to, and when a socket has no number left.

use super::{DescriptorLedger, Slot};
use crate::event::Timestamp;

/// The kernel's default bound on descriptors (`fs.nr_open`); further ones are counted.
const MAX_DESCRIPTORS: usize = 1 << 20;
/// Reuses of one number whose close is still awaited.
const MAX_AWAITED: u32 = 64;

impl DescriptorLedger {
    pub(super) fn is_older_than_snapshot(&self, at: Timestamp) -> bool {
        self.snapshot.is_some_and(|snapshot| at < snapshot)
    }

    pub(super) fn has_room(&self) -> bool {
        self.slots.len() < MAX_DESCRIPTORS
    }

    /// Both numbers mean one socket already, or are one number.
    pub(super) fn is_same(&self, fd: i32, to: i32) -> bool {
        let socket = |fd| self.slots.get(&fd).map(|slot| slot.socket);
        fd == to || socket(fd).is_some_and(|source| socket(to) == Some(source))
    }

    /// A duplicate on a number that was free.
    pub(super) fn duplicate_anew(&mut self, fd: i32, new: i32, at: Timestamp, cloexec: bool) {
        // The snapshot may have listed both.
        if !(self.is_older_than_snapshot(at) && self.is_same(fd, new)) {
            self.supersede(new, at);
            self.duplicate(fd, new, at, cloexec);
        }
    }

    pub(super) fn duplicate(&mut self, fd: i32, to: i32, at: Timestamp, cloexec: bool) {
        if let Some(slot) = self.slots.get(&fd)
            && self.has_room()
        {
            self.refer(to, slot.socket, at, cloexec);
        }
    }

    pub(super) fn refer(&mut self, fd: i32, socket: u64, since: Timestamp, cloexec: bool) {
        if let Some(socket) = self.sockets.get_mut(&socket) {
            socket.descriptors += 1;
        }
        self.slots.insert(
            fd,
            Slot {
                socket,
                since,
                cloexec,
            },
        );
    }

    /// The number was given out again, so what it meant before is closed; the event that
    /// says so may still come.
    pub(super) fn supersede(&mut self, fd: i32, at: Timestamp) {
        let Some(slot) = self.slots.get(&fd) else {
            return;
        };
        // What the snapshot listed came after a call that is older than it.
        let came_later = slot.since == Timestamp(0) && self.is_older_than_snapshot(at);
        self.release(fd, at);
        if !came_later {
            self.await_close(fd);
        }
    }

    /// The number was closed, and the event that says so may still come.
    pub(super) fn await_close(&mut self, fd: i32) {
        let count = self.awaited.entry(fd).or_insert(0);
        *count = (*count + 1).min(MAX_AWAITED);
    }

    /// What a close meant that was entered then has been closed by another event already, or is no
    /// socket, which nothing here tracks.
    pub(super) fn is_late(&self, fd: i32, entered: Timestamp) -> bool {
        self.slots.get(&fd).is_none_or(|slot| slot.since >= entered)
    }

    /// The event of a close has come that was proved before.
    pub(super) fn close_came(&mut self, fd: i32) {
        if let Some(count) = self.awaited.get_mut(&fd) {
            *count -= 1;
            if *count == 0 {
                self.awaited.remove(&fd);
            }
        }
    }

    pub(super) fn release(&mut self, fd: i32, at: Timestamp) {
        let Some(slot) = self.slots.remove(&fd) else {
            return;
        };
        if self.released.len() < MAX_DESCRIPTORS {
            self.released.insert(fd, at);
        }
        let Some(socket) = self.sockets.get_mut(&slot.socket) else {
            return;
        };
        socket.descriptors -= 1;
        if socket.descriptors > 0 {
            return;
        }
        let (opened, found) = (socket.opened, socket.found);
        self.sockets.remove(&slot.socket);
        match opened {
            Some(opened) => {
                self.closed_again += 1;
                self.origins.closed(opened.by);
            }
            // Closed before the snapshot was read to its end: it was not open at the start.
            None if !found && self.is_older_than_snapshot(at) => {
                self.pre_existing -= 1;
                return;
            }
            None => {}
        }
        self.closed += 1;
    }
}
