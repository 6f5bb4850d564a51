//! Numbers, the sockets they refer to, and when a socket has no number left.

use super::{DescriptorLedger, Slot, Whence};
use crate::event::{StackId, Timestamp};

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

    /// The snapshot has listed what a call copied that is older than it: with its source, or without,
    /// which was closed before it was listed.
    pub(super) fn is_listed_copy(&self, fd: i32, to: i32, at: Timestamp) -> bool {
        let Some(copy) = self.slots.get(&to) else {
            return false;
        };
        let source = self.slots.get(&fd);
        self.is_older_than_snapshot(at)
            && copy.since == Timestamp(0)
            && source.is_none_or(|source| source.socket == copy.socket)
    }

    /// A duplicate on a number that was free.
    pub(super) fn duplicate_anew(&mut self, fd: i32, new: i32, at: Timestamp, cloexec: bool) {
        if !self.is_listed_copy(fd, new, at) {
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
        self.release(fd, at, None);
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

    /// A number is free again; `by` is the stack of the call that closed it, where it was seen.
    pub(super) fn release(&mut self, fd: i32, at: Timestamp, by: Option<StackId>) {
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
        let (opened, whence, in_progress) = (socket.opened, socket.whence, socket.in_progress);
        self.sockets.remove(&slot.socket);
        match opened {
            Some(opened) => {
                self.closed_again += 1;
                self.origins.closed(opened.by, by);
                let connects = self.origins.connects(opened.by);
                connects.in_progress -= u64::from(in_progress);
                connects.given_up += u64::from(in_progress);
            }
            // Closed before the snapshot was read to its end: it was not open at the start.
            None if whence == Whence::Before && self.is_older_than_snapshot(at) => {
                self.pre_existing -= 1;
                return;
            }
            None => {}
        }
        self.closed += 1;
    }
}
