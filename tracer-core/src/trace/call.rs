//! System calls as values of columns.
//!
//! Addresses, lengths and arguments are differences: to the last address and the last length of
//! any call, and to the same argument of the last call of the same kind. So `mmap`, `madvise`
//! and `munmap` of one range are mostly zeros.

use super::column::{Column, Port};
use super::{kind, wire};
use crate::event::{Call, Errno, Peer, Syscall, Timestamp};

/// Most arguments of one call that are neither its address nor its length.
const ARGUMENTS: usize = 5;

/// The values before, that differences are taken to.
#[derive(Default)]
pub(super) struct Last {
    tid: u64,
    goroutine: u64,
    address: u64,
    length: u64,
    arguments: [[u64; ARGUMENTS]; kind::CALLS],
}

/// Passes a call that returned at `at` through the columns.
pub(super) fn pass<P: Port>(
    port: &mut P,
    last: &mut Last,
    at: Timestamp,
    call: &mut Call,
) -> Option<()> {
    let Call {
        tid,
        entered,
        stack,
        goroutine,
        outcome,
        what,
    } = call;
    *tid = number(port.delta(Column::Tids, &mut last.tid, u64::from(*tid))?)?;
    if let Some(entered) = entered {
        let before = at.0.wrapping_sub(entered.0) as i64;
        entered.0 =
            at.0.wrapping_sub(port.sint(Column::Entered, before)? as u64);
    }
    port.stack(Column::StackRefs, stack)?;
    if port.has(Column::Goroutines) {
        port.optional(Column::Goroutines, &mut last.goroutine, goroutine)?;
    }
    let mut arguments = Arguments {
        port,
        last,
        call: kind::code(what) as usize,
        next: 0,
    };
    arguments.pass(what)?;
    match (outcome, what) {
        // As the kind says.
        (Ok(0), _) => Some(()),
        (Ok(address), Syscall::Mmap { .. } | Syscall::Mremap { .. }) => arguments.address(address),
        (Ok(end), Syscall::Brk { .. }) => arguments.wide(end),
        (Ok(value), _) => {
            *value = port.uint(Column::Outcomes, *value)?;
            Some(())
        }
        (Err(Errno(error)), _) => {
            *error = number(port.uint(Column::Outcomes, u64::from(*error))?)?;
            Some(())
        }
    }
}

/// The arguments of one call.
struct Arguments<'a, P> {
    port: &'a mut P,
    last: &'a mut Last,
    call: usize,
    /// Index of the next that is neither address nor length.
    next: usize,
}

impl<P: Port> Arguments<'_, P> {
    fn pass(&mut self, what: &mut Syscall) -> Option<()> {
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
            Syscall::Munmap { addr, len } => {
                self.address(addr)?;
                self.length(len)
            }
            Syscall::Mremap {
                addr,
                old_len,
                new_len,
                flags,
            } => {
                self.address(addr)?;
                self.length(old_len)?;
                self.length(new_len)?;
                self.word(flags)
            }
            Syscall::Brk { addr } => self.wide(addr),
            Syscall::Madvise { addr, len, advice } => {
                self.address(addr)?;
                self.length(len)?;
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
                self.address(addr)?;
                self.length(len)?;
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

    fn address(&mut self, value: &mut u64) -> Option<()> {
        *value = self
            .port
            .delta(Column::Addresses, &mut self.last.address, *value)?;
        Some(())
    }

    fn length(&mut self, value: &mut u64) -> Option<()> {
        *value = self
            .port
            .delta(Column::Lengths, &mut self.last.length, *value)?;
        Some(())
    }

    fn wide(&mut self, value: &mut u64) -> Option<()> {
        let last = self.last.arguments.get_mut(self.call)?.get_mut(self.next)?;
        self.next += 1;
        *value = self.port.delta(Column::Arguments, last, *value)?;
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

fn number(value: u64) -> Option<u32> {
    u32::try_from(value).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::event::{Advice, StackId};
    use crate::trace::column::Columns;

    #[test]
    fn a_range_that_is_mapped_advised_and_unmapped_takes_few_bytes() {
        let (addr, len) = (0x7f12_3456_7000, 65536);
        let calls = [
            (
                Syscall::Mmap {
                    addr: 0,
                    len,
                    prot: 3,
                    flags: 0x22,
                    fd: -1,
                    offset: 0,
                },
                addr,
            ),
            (
                Syscall::Madvise {
                    addr,
                    len,
                    advice: Advice::DONTNEED,
                },
                0,
            ),
            (Syscall::Munmap { addr, len }, 0),
        ];
        let mut columns = Columns::default();
        let mut last = Last::default();
        for _ in 0..2 {
            for (what, outcome) in &calls {
                let mut call = Call {
                    tid: 4711,
                    entered: None,
                    stack: Some(StackId(0xfeed)),
                    goroutine: Some(7),
                    outcome: Ok(*outcome),
                    what: what.clone(),
                };
                pass(&mut columns, &mut last, Timestamp(0), &mut call).unwrap();
            }
        }
        let bytes = columns.into_bytes();
        let column = |column: Column| &bytes[column as usize][..];
        assert_eq!(column(Column::Tids), [0xce, 0x49, 0, 0, 0, 0, 0]);
        assert_eq!(column(Column::StackRefs), [1; 6]);
        assert_eq!(column(Column::Goroutines)[..6], [1, 14, 1, 0, 1, 0]);
        assert_eq!(column(Column::Lengths), [0x80, 0x80, 8, 0, 0, 0, 0, 0]);
        assert_eq!(column(Column::Addresses)[7..], [0; 5]);
        assert_eq!(
            column(Column::Arguments),
            [0, 6, 0x44, 1, 0, 8, 0, 0, 0, 0, 0, 0]
        );
        assert!(column(Column::Outcomes).is_empty());
    }
}
