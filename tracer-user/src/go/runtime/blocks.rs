//! Reads of many small things that lie close together, at the cost of few system calls.

use std::collections::HashMap;

use super::memory::{Memory, Unreadable};

/// What is read at a time: a quarter of what the runtime asks the kernel for (`persistentChunkSize`).
const LARGE: u64 = 64 << 10;
/// Read at the edges of a mapping: within a page all bytes can be read, or none.
const SMALL: u64 = 4 << 10;
/// Bytes that are kept, at most; then all of them are dropped.
const MAX_KEPT: u64 = 8 << 20;

/// Memory that is read block by block, each block once while there is room.
#[derive(Debug)]
pub(in crate::go) struct Blocks<'m, M: ?Sized> {
    memory: &'m M,
    /// By size and address; `None` where not all of it can be read.
    known: HashMap<(u64, u64), Option<Box<[u8]>>>,
    kept: u64,
    /// Bytes that may still be asked for.
    budget: u64,
}

/// Why a range could not be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::go) enum Failed {
    /// It is not there.
    Unreadable(Unreadable),
    /// More was asked for than the budget allows.
    OverBudget,
}

impl<'m, M: Memory + ?Sized> Blocks<'m, M> {
    /// Reads no more than `budget` bytes.
    pub(in crate::go) fn new(memory: &'m M, budget: u64) -> Self {
        Self {
            memory,
            known: HashMap::new(),
            kept: 0,
            budget,
        }
    }

    /// Fills `into` with the bytes at `address`.
    pub(in crate::go) fn read(&mut self, address: u64, into: &mut [u8]) -> Result<(), Failed> {
        let unreadable = Failed::Unreadable(Unreadable {
            address,
            length: into.len(),
        });
        let mut rest = into;
        let mut at = address;
        while !rest.is_empty() {
            let size = if self.block(LARGE, at)?.is_some() {
                LARGE
            } else {
                SMALL
            };
            let inside = (at % size) as usize;
            let block = self.block(size, at)?.ok_or(unreadable)?;
            let count = rest.len().min(block.len() - inside);
            let (now, later) = std::mem::take(&mut rest).split_at_mut(count);
            now.copy_from_slice(&block[inside..inside + count]);
            rest = later;
            at = at.checked_add(count as u64).ok_or(unreadable)?;
        }
        Ok(())
    }

    /// The block of this size around an address.
    fn block(&mut self, size: u64, address: u64) -> Result<Option<&[u8]>, Failed> {
        let key = (size, address - address % size);
        if !self.known.contains_key(&key) {
            self.budget = self.budget.checked_sub(size).ok_or(Failed::OverBudget)?;
            if self.kept + size > MAX_KEPT {
                self.known.clear();
                self.kept = 0;
            }
            self.kept += size;
            let mut bytes = vec![0; size as usize].into_boxed_slice();
            let read = self.memory.read(key.1, &mut bytes);
            self.known.insert(key, read.ok().map(|()| bytes));
        }
        Ok(self.known.get(&key).and_then(Option::as_deref))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Bytes from here to there, each the low byte of its address.
    struct Range(u64, u64, Cell<usize>);

    impl Memory for Range {
        fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
            self.2.set(self.2.get() + 1);
            let length = into.len();
            if address < self.0 || address.saturating_add(length as u64) > self.1 {
                return Err(Unreadable { address, length });
            }
            for (index, byte) in into.iter_mut().enumerate() {
                *byte = address.wrapping_add(index as u64) as u8;
            }
            Ok(())
        }
    }

    #[track_caller]
    fn check(address: u64, length: usize, expected: Result<(), Failed>, reads: usize) {
        let memory = Range(0x1_f000, 0x3_2000, Cell::new(0));
        let mut blocks = Blocks::new(&memory, 4 * LARGE);
        let mut into = vec![0; length];
        for _ in 0..2 {
            assert_eq!(blocks.read(address, &mut into), expected);
        }
        let low = |index: u64| address.wrapping_add(index) as u8;
        let wanted: Vec<u8> = (0..length as u64).map(low).collect();
        assert!(expected.is_err() || into == wanted);
        assert_eq!(memory.2.get(), reads, "reads");
    }

    #[test]
    fn each_block_is_read_once() {
        let missing = |address, length| Err(Failed::Unreadable(Unreadable { address, length }));
        check(0x2_0010, 0x100, Ok(()), 1);
        check(0x2_0000, 0x1_0000, Ok(()), 1);
        // At the edges a page at a time.
        check(0x1_fff8, 16, Ok(()), 3);
        check(0x3_1ff0, 16, Ok(()), 2);
        check(0x2_fff8, 16, Ok(()), 3);
        check(0x3_1ff8, 16, missing(0x3_1ff8, 16), 3);
        check(0x1000, 8, missing(0x1000, 8), 2);
        check(u64::MAX - 3, 8, missing(u64::MAX - 3, 8), 2);
        check(0x2_0000, 0, Ok(()), 0);
    }

    #[test]
    fn the_budget_ends_it() {
        let memory = Range(0, u64::MAX, Cell::new(0));
        let mut blocks = Blocks::new(&memory, 3 * LARGE);
        let mut read = |address| blocks.read(address, &mut [0; 8]);
        for block in 0..3 {
            assert_eq!(read(block * LARGE), Ok(()));
        }
        assert_eq!(read(3 * LARGE), Err(Failed::OverBudget));
        assert_eq!(read(8), Ok(()), "what is known costs nothing");
    }
}
