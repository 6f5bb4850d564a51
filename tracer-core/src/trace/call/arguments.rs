//! The arguments of a system call as values of columns.

use super::{ARGUMENTS, Last, number};
use crate::event::{Peer, Syscall};
use crate::trace::column::{Column, Port};
use crate::trace::dictionary::Which;
use crate::trace::{kind, wire};

/// Calls with several arguments that are neither address nor length: mostly all are those of the last call.
fn has_many(what: &Syscall) -> bool {
    match what {
        Syscall::Mmap { .. }
        | Syscall::ProcessMadvise { .. }
        | Syscall::Socket { .. }
        | Syscall::Connect { .. }
        | Syscall::Accept { .. }
        | Syscall::DupTo { .. }
        | Syscall::CloseRange { .. }
        | Syscall::Fcntl { .. }
        | Syscall::SocketPair { .. } => true,
        Syscall::Munmap { .. }
        | Syscall::Mremap { .. }
        | Syscall::Brk { .. }
        | Syscall::Madvise { .. }
        | Syscall::Mprotect { .. }
        | Syscall::Close { .. }
        | Syscall::Dup { .. } => false,
    }
}

/// The arguments of one call.
pub(super) struct Arguments<'a, P> {
    port: &'a mut P,
    last: &'a mut Last,
    /// As writers before 2.0 did it.
    is_old: bool,
    call: usize,
    /// Index of the next argument that is neither address nor length.
    next: usize,
    /// A bit for each such argument that changed, where only those are passed.
    changes: Option<u64>,
    /// By how much they changed.
    differences: [i64; ARGUMENTS],
}

impl<'a, P: Port> Arguments<'a, P> {
    /// Those of `what`, with the values before.
    pub(super) fn new(port: &'a mut P, last: &'a mut Last, is_old: bool, what: &Syscall) -> Self {
        Self {
            port,
            last,
            is_old,
            call: kind::code(what) as usize,
            next: 0,
            changes: None,
            differences: [0; ARGUMENTS],
        }
    }

    /// Passes what the call was given.
    pub(super) fn pass(&mut self, what: &mut Syscall) -> Option<()> {
        if !self.is_old && has_many(what) {
            self.changed(what)
        } else {
            self.each(what)
        }
    }

    /// Passes which arguments changed since the last call, and by how much.
    fn changed(&mut self, what: &mut Syscall) -> Option<()> {
        if !P::WRITES {
            self.changes = Some(self.port.uint(Column::Changes, 0)?);
            return self.each(what);
        }
        self.changes = Some(0);
        self.each(what)?;
        self.port.uint(Column::Changes, self.changes?)?;
        let changed = self.differences.iter().filter(|by| **by != 0);
        for by in changed {
            self.port.sint(Column::Arguments, *by)?;
        }
        Some(())
    }

    fn each(&mut self, what: &mut Syscall) -> Option<()> {
        match what {
            Syscall::Mmap {
                addr,
                len,
                prot,
                flags,
                fd,
                offset,
            } => {
                // A wish, often 0: it would only disturb the addresses.
                self.wide(addr)?;
                self.length(len)?;
                self.word(prot)?;
                self.word(flags)?;
                self.signed(fd)?;
                self.wide(offset)
            }
            Syscall::Munmap { addr, len } => self.range(addr, len),
            Syscall::Mremap {
                addr,
                old_len,
                new_len,
                flags,
            } => {
                self.range(addr, old_len)?;
                self.length(new_len)?;
                self.word(flags)
            }
            Syscall::Brk { addr } => self.wide(addr),
            Syscall::Madvise { addr, len, advice } => {
                self.range(addr, len)?;
                self.word(&mut advice.0)
            }
            Syscall::ProcessMadvise {
                pidfd,
                vectors,
                advice,
            } => {
                self.signed(pidfd)?;
                self.wide(vectors)?;
                self.word(&mut advice.0)
            }
            Syscall::Mprotect { addr, len, prot } => {
                self.range(addr, len)?;
                self.word(prot)
            }
            Syscall::Socket {
                family,
                kind,
                protocol,
            } => self.words([family, kind, protocol]),
            Syscall::Connect { fd, peer } => {
                self.signed(fd)?;
                self.peer(peer)
            }
            Syscall::Accept { fd, flags, peer } => {
                self.signed(fd)?;
                self.optional(flags)?;
                self.peer(peer)
            }
            Syscall::Close { fd } | Syscall::Dup { fd } => self.signed(fd),
            Syscall::DupTo { fd, to, flags } => {
                self.signed(fd)?;
                self.signed(to)?;
                self.optional(flags)
            }
            Syscall::CloseRange { first, last, flags } => self.words([first, last, flags]),
            Syscall::Fcntl {
                fd,
                command,
                argument,
            } => {
                self.signed(fd)?;
                self.word(command)?;
                self.wide(argument)
            }
            Syscall::SocketPair {
                family,
                kind,
                protocol,
                pair: [first, second],
            } => {
                self.words([family, kind, protocol])?;
                self.signed(first)?;
                self.signed(second)
            }
        }
    }

    fn range(&mut self, address: &mut u64, length: &mut u64) -> Option<()> {
        match self.address(address)? {
            Which::Known(index) => {
                self.last.length = *self.last.lengths.get(index)?;
                // A part of a range may be advised: the length of the whole stays.
                self.length(length)
            }
            Which::New => {
                self.length(length)?;
                self.add(*address);
                Some(())
            }
        }
    }

    /// What a call returned that made a range of the last length.
    pub(super) fn result(&mut self, address: &mut u64) -> Option<()> {
        match self.address(address)? {
            Which::Known(index) => *self.last.lengths.get_mut(index)? = self.last.length,
            Which::New => self.add(*address),
        }
        Some(())
    }

    /// Adds an address whose range has the last length.
    fn add(&mut self, address: u64) {
        if !self.is_old && self.last.addresses.add::<P>(address) {
            self.last.lengths.push(self.last.length);
        }
    }

    fn address(&mut self, value: &mut u64) -> Option<Which> {
        let (port, last) = (&mut *self.port, &mut *self.last);
        if self.is_old {
            *value = port.delta(Column::Addresses, &mut last.address, *value)?;
            return Some(Which::New);
        }
        let which = last.addresses.pass(port, Column::Places, value)?;
        match which {
            Which::Known(_) => last.address = *value,
            Which::New => *value = port.paged(Column::Pages, &mut last.address, *value)?,
        }
        Some(which)
    }

    fn length(&mut self, value: &mut u64) -> Option<()> {
        let last = &mut self.last.length;
        *value = if self.is_old {
            self.port.delta(Column::Lengths, last, *value)?
        } else {
            self.port.paged(Column::Sizes, last, *value)?
        };
        Some(())
    }

    pub(super) fn wide(&mut self, value: &mut u64) -> Option<()> {
        let last = self.last.arguments.get_mut(self.call)?.get_mut(self.next)?;
        let bit = 1 << self.next;
        match &mut self.changes {
            None => *value = self.port.delta(Column::Arguments, last, *value)?,
            Some(changes) if P::WRITES => {
                let by = value.wrapping_sub(*last) as i64;
                if by != 0 {
                    *changes |= bit;
                    self.differences[self.next] = by;
                }
                *last = *value;
            }
            Some(changes) => {
                if *changes & bit != 0 {
                    let by = self.port.sint(Column::Arguments, 0)?;
                    *last = last.wrapping_add(by as u64);
                }
                *value = *last;
            }
        }
        self.next += 1;
        Some(())
    }

    fn word(&mut self, value: &mut u32) -> Option<()> {
        let mut wide = u64::from(*value);
        self.wide(&mut wide)?;
        *value = number(wide)?;
        Some(())
    }

    fn words(&mut self, values: [&mut u32; 3]) -> Option<()> {
        values.into_iter().try_for_each(|value| self.word(value))
    }

    fn optional(&mut self, value: &mut Option<u32>) -> Option<()> {
        let mut wide = value.map_or(0, |value| u64::from(value) + 1);
        self.wide(&mut wide)?;
        *value = match wide.checked_sub(1) {
            Some(value) => Some(number(value)?),
            None => None,
        };
        Some(())
    }

    fn signed(&mut self, value: &mut i32) -> Option<()> {
        let mut wide = i64::from(*value) as u64;
        self.wide(&mut wide)?;
        *value = i32::try_from(wide as i64).ok()?;
        Some(())
    }

    fn peer(&mut self, peer: &mut Option<Peer>) -> Option<()> {
        let mut present = u32::from(peer.is_some());
        self.word(&mut present)?;
        if present == 0 {
            *peer = None;
            return Some(());
        }
        let message = peer.as_ref().map(wire::Peer::from).unwrap_or_default();
        *peer = Some(self.port.message(Column::Peers, message)?.try_into().ok()?);
        Some(())
    }
}
