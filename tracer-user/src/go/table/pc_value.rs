//! Values that change along a function's code: line, file, stack depth, inlined call.
//!
//! A pc table is a list of pairs of variable-length numbers: how much the value changes (zigzag), how
//! far the pc advances. It starts with the value -1 at the entry and ends with a change of 0.

use crate::go::bytes::take_varint;

/// Steps of pc tables one lookup may take; real functions have at most some ten thousand.
const MAX_STEPS: u64 = 1 << 20;

/// What lookups may still cost, so that a forged table cannot hold us up.
///
/// One step is one pair of a pc table, or sixteen bytes of a name.
#[derive(Clone, Debug)]
pub(super) struct Budget(u64);

impl Default for Budget {
    fn default() -> Self {
        Self(MAX_STEPS)
    }
}

impl Budget {
    pub(super) fn new(steps: u64) -> Self {
        Self(steps)
    }

    pub(super) fn left(&self) -> u64 {
        self.0
    }

    /// `None` when there are no more steps.
    pub(super) fn take(&mut self, steps: u64) -> Option<()> {
        match self.0.checked_sub(steps) {
            Some(left) => self.0 = left,
            None => self.0 = 0,
        }
        (self.0 > 0).then_some(())
    }
}

/// A pc table, read from the entry on. Pcs are offsets from the entry.
#[derive(Clone, Debug)]
pub(super) struct Steps<'t> {
    table: &'t [u8],
    quantum: u32,
    end: u64,
    value: i32,
    first: bool,
}

impl<'t> Steps<'t> {
    pub(super) fn new(table: &'t [u8], quantum: u32) -> Self {
        Self {
            table,
            quantum,
            end: 0,
            value: -1,
            first: true,
        }
    }

    /// A value, and the pc up to which it holds.
    pub(super) fn next(&mut self) -> Option<(u64, i32)> {
        let change = take_varint(&mut self.table)?;
        if change == 0 && !self.first {
            return None;
        }
        self.first = false;
        let change = (change >> 1) as i32 ^ -((change & 1) as i32);
        self.value = self.value.wrapping_add(change);
        let advance = take_varint(&mut self.table)?;
        let advance = u64::from(advance) * u64::from(self.quantum);
        self.end = self.end.saturating_add(advance);
        Some((self.end, self.value))
    }

    /// The value at a pc, `None` where it has none.
    pub(super) fn value_at(mut self, pc: u64, budget: &mut Budget) -> Option<i32> {
        loop {
            budget.take(1)?;
            let (end, value) = self.next()?;
            if pc < end {
                return Some(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Steps};

    /// 7 for 4 bytes, 5 for 2 bytes, -1 for 200 bytes.
    const TABLE: &[u8] = &[16, 4, 3, 2, 11, 0xc8, 0x01, 0];

    #[track_caller]
    fn check(quantum: u32, pc: u64, expected: Option<i32>) {
        let steps = Steps::new(TABLE, quantum);
        assert_eq!(steps.value_at(pc, &mut Budget::default()), expected);
    }

    #[test]
    fn values_hold_until_the_next_pc() {
        check(1, 0, Some(7));
        check(1, 3, Some(7));
        check(1, 4, Some(5));
        check(1, 5, Some(5));
        check(1, 6, Some(-1));
        check(1, 205, Some(-1));
        check(1, 206, None);
    }

    #[test]
    fn instructions_of_arm64_have_four_bytes() {
        check(4, 15, Some(7));
        check(4, 16, Some(5));
        check(4, 824, None);
    }

    #[test]
    fn endless_tables_end() {
        let endless = vec![2_u8; 64 << 20];
        let mut budget = Budget::default();
        let steps = Steps::new(&endless, 1);
        assert_eq!(steps.value_at(u64::MAX, &mut budget), None);
        assert_eq!(budget.left(), 0);
    }
}
