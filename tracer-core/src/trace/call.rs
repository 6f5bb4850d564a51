//! System calls as values of columns.
//!
//! Who calls and which address is meant stand once in a block, and are told by their index after that; a new
//! address is the difference to the last one of any call. The length of a known address is the difference to
//! the one it had, another to the last of any call; other arguments are differences to the same argument of
//! the last call of the same kind. So `mmap`, `madvise` and `munmap` of one range are mostly zeros.
//!
//! Blocks of writers before 2.0 have no column of callers, and other columns of numbers instead.

mod arguments;

use super::column::{Column, Port};
use super::dictionary::{Dictionary, Which};
use super::kind;
use crate::event::{Call, Errno, Syscall, Timestamp};
use arguments::Arguments;

/// Most arguments of one call that are neither its address nor its length.
const ARGUMENTS: usize = 5;

/// The values before, that differences are taken to.
#[derive(Default)]
pub(super) struct Last {
    tid: u64,
    goroutine: u64,
    callers: Dictionary<Caller>,
    address: u64,
    length: u64,
    addresses: Dictionary<u64>,
    /// Of each of these, the length of the range that begins there.
    lengths: Vec<u64>,
    arguments: [[u64; ARGUMENTS]; kind::CALLS],
}

/// Who makes a call.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
struct Caller {
    tid: u32,
    goroutine: Option<u64>,
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
    let is_old = !port.has(Column::Callers);
    if is_old {
        *tid = number(port.delta(Column::Tids, &mut last.tid, u64::from(*tid))?)?;
        if port.has(Column::Goroutines) {
            port.optional(Column::Goroutines, &mut last.goroutine, goroutine)?;
        }
    } else {
        let mut caller = Caller {
            tid: *tid,
            goroutine: *goroutine,
        };
        pass_caller(port, last, &mut caller)?;
        (*tid, *goroutine) = (caller.tid, caller.goroutine);
    }
    if let Some(entered) = entered {
        let before = at.0.wrapping_sub(entered.0) as i64;
        entered.0 =
            at.0.wrapping_sub(port.sint(Column::Entered, before)? as u64);
    }
    port.stack(Column::StackRefs, stack)?;
    let mut arguments = Arguments::new(port, last, is_old, what);
    arguments.pass(what)?;
    match (outcome, what) {
        // As the kind says.
        (Ok(0), _) => Some(()),
        (Ok(address), Syscall::Mmap { .. } | Syscall::Mremap { .. }) => arguments.result(address),
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

/// Passes thread and goroutine: their numbers only where the block has not had them.
fn pass_caller<P: Port>(port: &mut P, last: &mut Last, caller: &mut Caller) -> Option<()> {
    if let Which::New = last.callers.pass(port, Column::Callers, caller)? {
        caller.tid = number(port.delta(Column::Tids, &mut last.tid, u64::from(caller.tid))?)?;
        port.optional(
            Column::Goroutines,
            &mut last.goroutine,
            &mut caller.goroutine,
        )?;
        last.callers.add::<P>(*caller);
    }
    Some(())
}

fn number(value: u64) -> Option<u32> {
    u32::try_from(value).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::event::{Advice, StackId};
    use crate::trace::column::{Columns, Cursors};

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
        assert_eq!(column(Column::Callers), [0, 1, 1, 1, 1, 1]);
        assert_eq!(column(Column::Tids), [0xce, 0x49]);
        assert_eq!(column(Column::Goroutines), [1, 14]);
        assert_eq!(column(Column::StackRefs), [1; 6]);
        assert_eq!(column(Column::Sizes), [0x40, 0, 0, 0, 0, 0]);
        assert_eq!(column(Column::Places), [0, 1, 1, 1, 1, 1]);
        // Protection, flags and no file at first; then which advice, and that no more changed.
        assert_eq!(column(Column::Changes), [0b1110, 0]);
        assert_eq!(column(Column::Arguments), [6, 0x44, 1, 8, 0]);
        assert!(column(Column::Outcomes).is_empty());
    }

    #[test]
    fn more_addresses_than_are_known_again() {
        let unmap = |number: u64| Call {
            tid: 1,
            entered: None,
            stack: None,
            goroutine: Some(number % 3),
            outcome: Ok(0),
            what: Syscall::Munmap {
                addr: (number << 13) + number % 5,
                len: number,
            },
        };
        let numbers = || (0..70_000).chain([1, 69_999, 1]);
        let mut columns = Columns::default();
        let mut last = Last::default();
        for number in numbers() {
            pass(&mut columns, &mut last, Timestamp(0), &mut unmap(number)).unwrap();
        }
        let mut cursors = Cursors::new(columns.into_bytes());
        let mut last = Last::default();
        for number in numbers() {
            let mut call = unmap(0);
            pass(&mut cursors, &mut last, Timestamp(0), &mut call).unwrap();
            assert_eq!(call, unmap(number));
        }
    }
}
