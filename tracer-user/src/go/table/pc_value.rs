//! Values that change along a function's code: line, file, stack depth, inlined call.
//!
//! A pc table is a list of pairs of variable-length numbers: how much the value changes (zigzag), how
//! far the pc advances. It starts with the value -1 at the entry and ends with a change of 0.

use crate::go::bytes::take_varint;

/// Steps of pc tables one lookup may take; real functions have at most some ten thousand.
const MAX_STEPS: u32 = 1 << 20;

/// What a lookup may still cost, so that a forged table cannot hold us up.
#[derive(Clone, Debug)]
pub(super) struct Budget(u32);

impl Default for Budget {
    fn default() -> Self {
        Self(MAX_STEPS)
    }
}

/// The value at `target` of the function that starts at `entry`, `None` where it has none.
pub(super) fn pc_value(
    mut table: &[u8],
    entry: u64,
    target: u64,
    quantum: u32,
    budget: &mut Budget,
) -> Option<i32> {
    let mut value = -1_i32;
    let mut pc = entry;
    let mut first = true;
    loop {
        budget.0 = budget.0.checked_sub(1)?;
        let change = take_varint(&mut table)?;
        if change == 0 && !first {
            return None;
        }
        first = false;
        value = value.wrapping_add((change >> 1) as i32 ^ -((change & 1) as i32));
        let advance = take_varint(&mut table)?;
        pc = pc.checked_add(u64::from(advance) * u64::from(quantum))?;
        if target < pc {
            return Some(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, pc_value};

    /// 7 for 4 bytes, 5 for 2 bytes, -1 for 200 bytes.
    const TABLE: &[u8] = &[16, 4, 3, 2, 11, 0xc8, 0x01, 0];

    #[track_caller]
    fn check(target: u64, expected: Option<i32>) {
        assert_eq!(
            pc_value(TABLE, 1000, target, 1, &mut Budget::default()),
            expected
        );
    }

    #[test]
    fn values_hold_until_the_next_pc() {
        check(1000, Some(7));
        check(1003, Some(7));
        check(1004, Some(5));
        check(1005, Some(5));
        check(1006, Some(-1));
        check(1205, Some(-1));
        check(1206, None);
    }

    #[test]
    fn endless_tables_end() {
        let endless = vec![2_u8; 64 << 20];
        let mut budget = Budget::default();
        assert_eq!(pc_value(&endless, 0, u64::MAX, 1, &mut budget), None);
        assert_eq!(budget.0, 0);
    }
}
