//! What is known without having seen a call: the list of descriptors, and a new program.

use std::collections::BTreeMap;

use super::{DescriptorLedger, Socket, Whence};
use crate::event::{Descriptor, DescriptorKind, Timestamp};

/// Stands for the list of descriptors that a new program starts with, until there is one: which of
/// those from before were marked to be closed is not known.
const EXECUTED: Timestamp = Timestamp(0);

impl Socket {
    /// Forgets who opened it, and what it is doing for who did.
    fn forget_opener(&mut self) {
        self.opened = None;
        self.whence = Whence::Before;
        self.in_progress = false;
    }
}

impl DescriptorLedger {
    /// Counts anew: what is open now was open before.
    pub fn restart(&mut self) {
        for socket in self.sockets.values_mut() {
            socket.forget_opener();
        }
        *self = Self {
            pre_existing: self.open_sockets(),
            slots: std::mem::take(&mut self.slots),
            sockets: std::mem::take(&mut self.sockets),
            next_socket: self.next_socket,
            awaited: std::mem::take(&mut self.awaited),
            snapshot: self.snapshot,
            untracked: self.untracked,
            has_states: self.has_states,
            listed_at: self.listed_at,
            untold: self.untold,
            ..Self::default()
        };
    }

    /// Takes what the kernel lists. `at` is when the reading ended: calls that returned
    /// before are in the list already.
    pub fn seed(&mut self, descriptors: &[Descriptor], at: Timestamp) {
        let listed: BTreeMap<i32, u64> = descriptors
            .iter()
            .filter_map(|descriptor| match descriptor.kind {
                DescriptorKind::Socket { inode } => Some((descriptor.fd, inode)),
                _ => None,
            })
            .collect();
        let is_first_of_program = self.snapshot == Some(EXECUTED);
        self.snapshot = Some(at);
        let gone: Vec<(i32, Timestamp)> = self
            .slots
            .iter()
            .filter(|(fd, slot)| {
                let inode = self
                    .sockets
                    .get(&slot.socket)
                    .and_then(|socket| socket.inode);
                let listed = listed.get(fd);
                slot.since < at && (listed.is_none() || inode.is_some() && inode.as_ref() != listed)
            })
            .map(|(fd, slot)| (*fd, slot.since))
            .collect();
        for (fd, since) in gone {
            if is_first_of_program && since == EXECUTED {
                // Marked to be closed as the program was replaced: the new one never had it.
                self.release(fd, since, None);
            } else {
                self.contradictions += 1;
                self.release(fd, Timestamp(u64::MAX), None);
            }
        }
        let mut by_inode: BTreeMap<u64, u64> = self
            .sockets
            .iter()
            .filter_map(|(id, socket)| Some((socket.inode?, *id)))
            .collect();
        for (fd, inode) in listed {
            if let Some(slot) = self.slots.get(&fd) {
                if let Some(socket) = self.sockets.get_mut(&slot.socket) {
                    socket.inode = Some(inode);
                    by_inode.insert(inode, slot.socket);
                }
            } else if self.has_room() {
                let id = *by_inode.entry(inode).or_insert_with(|| {
                    self.pre_existing += 1;
                    self.next_socket += 1;
                    let socket = Socket {
                        inode: Some(inode),
                        ..Socket::default()
                    };
                    self.sockets.insert(self.next_socket, socket);
                    self.next_socket
                });
                self.refer(fd, id, Timestamp(0), false);
            }
        }
    }

    /// The program was replaced: descriptors marked for it are closed, and what stays is
    /// older than the new program.
    #[must_use]
    pub fn exec(&mut self, at: Timestamp) -> Self {
        let marked: Vec<i32> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.cloexec)
            .map(|(fd, _)| *fd)
            .collect();
        for fd in marked {
            self.release(fd, at, None);
        }
        let mut sockets = std::mem::take(&mut self.sockets);
        for socket in sockets.values_mut() {
            socket.forget_opener();
        }
        let mut slots = std::mem::take(&mut self.slots);
        for slot in slots.values_mut() {
            slot.since = EXECUTED;
        }
        Self {
            pre_existing: sockets.len() as u64,
            snapshot: self.snapshot.map(|_| EXECUTED),
            next_socket: self.next_socket,
            slots,
            sockets,
            ..Self::default()
        }
    }
}
