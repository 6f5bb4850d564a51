//! Columns: one value of each event after the other, as a packed protobuf field keeps them.
//!
//! Writing and reading go through one trait, so that the order of the values is written down
//! once, in `call.rs`, and cannot differ between the two.

use std::collections::BTreeMap;

use prost::Message;

use super::fields::{put_uint, take_message, take_uint, unzigzag, zigzag};
use crate::event::StackId;

/// The columns of a block, in the order of their field numbers, which begin at 1.
#[derive(Clone, Copy)]
pub(super) enum Column {
    Kinds,
    Times,
    Processes,
    Stacks,
    StackRefs,
    Tids,
    Entered,
    Outcomes,
    Addresses,
    Lengths,
    Arguments,
    Peers,
    Accesses,
    Counts,
    Records,
    Goroutines,
    Created,
    Allocated,
    Callers,
    Places,
    Pages,
    Sizes,
    Changes,
}

/// Number of columns.
pub(super) const COLUMNS: usize = Column::Changes as usize + 1;

/// Differences of addresses and lengths are mostly so many bytes, and more of them.
const PAGE_BITS: u32 = 12;

/// One side of the columns: a writer takes each value and gives it back, a reader ignores it
/// and gives the one that was written. `None`: the columns are not what a writer makes.
pub(super) trait Port {
    /// Takes values, instead of giving them.
    const WRITES: bool;

    /// The next value of a column of unsigned numbers.
    fn uint(&mut self, column: Column, value: u64) -> Option<u64>;
    /// The next value of a column of messages.
    fn message<M: Message + Default>(&mut self, column: Column, value: M) -> Option<M>;
    /// The next stack, as a column refers to it.
    fn stack(&mut self, column: Column, value: &mut Option<StackId>) -> Option<()>;
    /// Whether the column stands in the block: older writers have others.
    fn has(&self, column: Column) -> bool;

    /// The next value of a column of signed numbers.
    fn sint(&mut self, column: Column, value: i64) -> Option<i64> {
        self.uint(column, zigzag(value)).map(unzigzag)
    }

    /// The next value of a column of differences.
    fn delta(&mut self, column: Column, previous: &mut u64, value: u64) -> Option<u64> {
        let delta = self.sint(column, value.wrapping_sub(*previous) as i64)?;
        *previous = previous.wrapping_add(delta as u64);
        Some(*previous)
    }

    /// The next value of a column of differences that are mostly whole pages.
    fn paged(&mut self, column: Column, previous: &mut u64, value: u64) -> Option<u64> {
        let delta = value.wrapping_sub(*previous) as i64;
        let bytes = delta.unsigned_abs();
        let rest = bytes & ((1 << PAGE_BITS) - 1);
        let signs = u64::from(rest != 0) << 1 | u64::from(delta < 0);
        let number = self.uint(column, bytes >> PAGE_BITS << 2 | signs)?;
        let rest = if number & 2 == 0 {
            0
        } else {
            self.uint(column, rest)?
        };
        let bytes = number >> 2 << PAGE_BITS | rest;
        *previous = if number & 1 == 0 {
            previous.wrapping_add(bytes)
        } else {
            previous.wrapping_sub(bytes)
        };
        Some(*previous)
    }

    /// The next value of a column of differences, some of which are left out.
    fn optional(
        &mut self,
        column: Column,
        previous: &mut u64,
        value: &mut Option<u64>,
    ) -> Option<()> {
        let present = self.uint(column, u64::from(value.is_some()))? != 0;
        *value = if present {
            Some(self.delta(column, previous, value.unwrap_or(0))?)
        } else {
            None
        };
        Some(())
    }
}

/// Columns that grow.
#[derive(Default)]
pub(super) struct Columns {
    bytes: [Vec<u8>; COLUMNS],
    stacks: BTreeMap<StackId, u64>,
}

impl Columns {
    /// Bytes in all columns.
    pub(super) fn len(&self) -> usize {
        self.bytes.iter().map(Vec::len).sum()
    }

    /// Appends an encoded message.
    pub(super) fn put_message(&mut self, column: Column, message: &[u8]) {
        let bytes = &mut self.bytes[column as usize];
        // Field 1, with a length.
        bytes.push(1 << 3 | 2);
        put_uint(bytes, message.len() as u64);
        bytes.extend_from_slice(message);
    }

    pub(super) fn into_bytes(self) -> [Vec<u8>; COLUMNS] {
        self.bytes
    }
}

impl Port for Columns {
    const WRITES: bool = true;

    fn uint(&mut self, column: Column, value: u64) -> Option<u64> {
        put_uint(&mut self.bytes[column as usize], value);
        Some(value)
    }

    fn message<M: Message + Default>(&mut self, column: Column, value: M) -> Option<M> {
        self.put_message(column, &value.encode_to_vec());
        Some(value)
    }

    fn has(&self, _: Column) -> bool {
        true
    }

    fn stack(&mut self, column: Column, value: &mut Option<StackId>) -> Option<()> {
        let reference = value.map_or(0, |id| {
            let next = self.stacks.len() as u64 + 1;
            *self.stacks.entry(id).or_insert_with(|| {
                self.bytes[Column::Stacks as usize].extend_from_slice(&id.0.to_le_bytes());
                next
            })
        });
        self.uint(column, reference)?;
        Some(())
    }
}

/// Columns that are read from their beginning.
pub(super) struct Cursors {
    bytes: [Vec<u8>; COLUMNS],
    positions: [usize; COLUMNS],
}

impl Cursors {
    pub(super) fn new(bytes: [Vec<u8>; COLUMNS]) -> Self {
        Self {
            bytes,
            positions: [0; COLUMNS],
        }
    }

    /// Whether a column has no more values.
    pub(super) fn at_end(&self, column: Column) -> bool {
        self.positions[column as usize] >= self.bytes[column as usize].len()
    }

    fn stack_at(&self, index: u64) -> Option<StackId> {
        let at = usize::try_from(index).ok()?.checked_mul(8)?;
        let stacks = &self.bytes[Column::Stacks as usize];
        let id = stacks.get(at..)?.first_chunk::<8>()?;
        Some(StackId(u64::from_le_bytes(*id)))
    }

    /// The next encoded message of a column.
    pub(super) fn take_message(&mut self, column: Column) -> Option<&[u8]> {
        take_message(
            &self.bytes[column as usize],
            &mut self.positions[column as usize],
        )
    }
}

impl Port for Cursors {
    const WRITES: bool = false;

    #[inline]
    fn uint(&mut self, column: Column, _: u64) -> Option<u64> {
        take_uint(
            &self.bytes[column as usize],
            &mut self.positions[column as usize],
        )
    }

    fn message<M: Message + Default>(&mut self, column: Column, _: M) -> Option<M> {
        M::decode(self.take_message(column)?).ok()
    }

    fn has(&self, column: Column) -> bool {
        !self.bytes[column as usize].is_empty()
    }

    fn stack(&mut self, column: Column, value: &mut Option<StackId>) -> Option<()> {
        *value = match self.uint(column, 0)?.checked_sub(1) {
            Some(index) => Some(self.stack_at(index)?),
            None => None,
        };
        Some(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: i64, bytes: &[u8]) {
        let mut columns = Columns::default();
        columns.sint(Column::Times, value).unwrap();
        let written = columns.into_bytes();
        assert_eq!(written[Column::Times as usize], bytes);
        assert_eq!(Cursors::new(written).sint(Column::Times, 0), Some(value));
    }

    #[test]
    fn signed_numbers_are_protobuf_zigzag() {
        check(0, &[0]);
        check(-1, &[1]);
        check(1, &[2]);
        check(-64, &[127]);
        check(64, &[128, 1]);
        check(i64::MAX, &[0xfe, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
        check(i64::MIN, &[0xff, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
    }

    #[test]
    fn differences_may_wrap() {
        let values = [0, u64::MAX, 1 << 63, 0, 5, 3];
        let mut columns = Columns::default();
        let mut previous = 0;
        for value in values {
            columns.delta(Column::Times, &mut previous, value).unwrap();
        }
        let mut cursors = Cursors::new(columns.into_bytes());
        previous = 0;
        for value in values {
            assert_eq!(cursors.delta(Column::Times, &mut previous, 0), Some(value));
        }
        assert_eq!(cursors.delta(Column::Times, &mut previous, 0), None);
    }

    #[test]
    fn a_stack_is_written_once_per_block() {
        let stacks = [Some(StackId(9)), None, Some(StackId(8)), Some(StackId(9))];
        let mut columns = Columns::default();
        for mut stack in stacks {
            columns.stack(Column::StackRefs, &mut stack).unwrap();
        }
        let written = columns.into_bytes();
        assert_eq!(written[Column::StackRefs as usize], [1, 0, 2, 1]);
        assert_eq!(written[Column::Stacks as usize].len(), 16);
        let mut cursors = Cursors::new(written);
        for stack in stacks {
            let mut read = None;
            assert_eq!(
                (cursors.stack(Column::StackRefs, &mut read), read),
                (Some(()), stack)
            );
        }
    }

    #[test]
    fn a_reference_to_no_stack_is_refused() {
        for reference in [3, u64::MAX] {
            let mut columns = Columns::default();
            columns
                .stack(Column::StackRefs, &mut Some(StackId(9)))
                .unwrap();
            columns.uint(Column::StackRefs, reference).unwrap();
            let mut cursors = Cursors::new(columns.into_bytes());
            let mut stack = None;
            assert_eq!(
                (cursors.stack(Column::StackRefs, &mut stack), stack),
                (Some(()), Some(StackId(9)))
            );
            assert_eq!(cursors.stack(Column::StackRefs, &mut stack), None);
        }
    }
}
