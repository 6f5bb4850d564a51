//! A pc table decoded: values and the pcs up to which they hold.

use super::pc_value::{Budget, Steps};

/// Pairs of one pc table that are kept; real functions have at most some ten thousand.
const MAX_RUNS: usize = 1 << 18;

/// Pairs that are passed one by one before the rest is searched.
const NEAR: usize = 8;

/// A pc table: the offset from the entry up to which a value holds, and the value.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs {
    pairs: Vec<(u32, i32)>,
    /// The pair of the last answer; the next one is near it.
    at: usize,
}

impl Runs {
    /// Decodes the table of a function of this size; the highest value in it.
    pub(super) fn fill(&mut self, steps: Option<Steps<'_>>, size: u64, budget: &mut Budget) -> i32 {
        self.pairs.clear();
        self.at = 0;
        let mut highest = -1;
        let Some(mut steps) = steps else {
            return highest;
        };
        while self.pairs.len() < MAX_RUNS && budget.take(1).is_some() {
            let Some((end, value)) = steps.next() else {
                break;
            };
            self.pairs
                .push((u32::try_from(end).unwrap_or(u32::MAX), value));
            highest = highest.max(value);
            if end >= size {
                break;
            }
        }
        highest
    }

    /// Number of pairs.
    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// The value at an offset that is mostly a little behind the last one.
    pub(super) fn seek(&mut self, offset: u32) -> Option<i32> {
        let before = self.at.checked_sub(1).and_then(|last| self.pairs.get(last));
        if before.is_some_and(|(end, _)| offset < *end) {
            self.at = 0;
        }
        for _ in 0..NEAR {
            let (end, value) = self.pairs.get(self.at)?;
            if offset < *end {
                return Some(*value);
            }
            self.at += 1;
        }
        self.at += self.pairs[self.at..].partition_point(|(end, _)| *end <= offset);
        self.pairs.get(self.at).map(|(_, value)| *value)
    }

    /// The value at any offset.
    pub(super) fn at(&self, offset: u32) -> Option<i32> {
        let index = self.pairs.partition_point(|(end, _)| *end <= offset);
        self.pairs.get(index).map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Runs, Steps};

    /// 0 to 5 hold for ten bytes each.
    fn runs() -> Runs {
        let mut runs = Runs::default();
        let table = [2, 10, 2, 10, 2, 10, 2, 10, 2, 10, 2, 10, 0];
        let steps = Steps::new(&table, 1);
        assert_eq!(runs.fill(Some(steps), 1000, &mut Budget::default()), 5);
        runs
    }

    #[test]
    fn values_in_any_order() {
        let mut runs = runs();
        let cases = [
            (0, Some(0)),
            (9, Some(0)),
            (59, Some(5)),
            (60, None),
            (61, None),
            (10, Some(1)),
            (10, Some(1)),
            (30, Some(3)),
            (29, Some(2)),
        ];
        for (offset, expected) in cases {
            assert_eq!(runs.seek(offset), expected, "{offset}");
            assert_eq!(runs.at(offset), expected, "{offset}");
        }
    }

    #[test]
    fn far_values_are_searched() {
        let table: Vec<u8> = [2, 1].repeat(1000);
        let mut runs = Runs::default();
        runs.fill(Some(Steps::new(&table, 1)), 900, &mut Budget::default());
        assert_eq!(runs.seek(700), Some(700));
        assert_eq!(runs.seek(3), Some(3));
        assert_eq!(runs.seek(899), Some(899));
        assert_eq!(runs.seek(900), None, "behind the function");
    }
}
