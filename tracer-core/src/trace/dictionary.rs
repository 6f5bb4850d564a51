//! Values that stand once in a block, and are told by their index after that.

use std::collections::BTreeMap;

use super::column::{Column, Port};

/// Values that are known again; those after them stand in the block each time.
const MAX_VALUES: usize = 1 << 16;

/// Which value it is.
pub(super) enum Which {
    /// The one with this index.
    Known(usize),
    /// One that must follow, and be added.
    New,
}

/// The values of a block so far.
pub(super) struct Dictionary<T> {
    values: Vec<T>,
    /// Of a writer.
    indices: BTreeMap<T, usize>,
    /// Index of the value before, which mostly comes again.
    last: usize,
}

impl<T> Default for Dictionary<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            indices: BTreeMap::new(),
            last: 0,
        }
    }
}

impl<T: Copy + Ord> Dictionary<T> {
    /// Passes the index of a value, if it has one.
    pub(super) fn pass<P: Port>(
        &mut self,
        port: &mut P,
        column: Column,
        value: &mut T,
    ) -> Option<Which> {
        let known = if P::WRITES { self.find(value) } else { None };
        let number = port.uint(column, known.map_or(0, |index| index as u64 + 1))?;
        let Some(index) = number.checked_sub(1) else {
            return Some(Which::New);
        };
        let index = usize::try_from(index).ok()?;
        *value = *self.values.get(index)?;
        self.last = index;
        Some(Which::Known(index))
    }

    fn find(&self, value: &T) -> Option<usize> {
        if self.values.get(self.last) == Some(value) {
            return Some(self.last);
        }
        self.indices.get(value).copied()
    }

    /// Adds a new value as the next index, unless there are too many.
    pub(super) fn add<P: Port>(&mut self, value: T) -> bool {
        let index = self.values.len();
        if index == MAX_VALUES {
            return false;
        }
        self.values.push(value);
        if P::WRITES {
            self.indices.insert(value, index);
        }
        self.last = index;
        true
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::trace::column::{Columns, Cursors};

    /// Passes values, each of which stands in another column when it is new; how many are.
    fn pass<P: Port>(port: &mut P, values: &mut [u64]) -> Option<usize> {
        let mut new = 0;
        let mut known = Dictionary::default();
        for value in values {
            if let Which::New = known.pass(port, Column::Callers, value)? {
                *value = port.uint(Column::Tids, *value)?;
                known.add::<P>(*value);
                new += 1;
            }
        }
        Some(new)
    }

    #[track_caller]
    fn check(values: &[u64], new: usize) {
        let mut columns = Columns::default();
        assert_eq!(pass(&mut columns, &mut values.to_vec()), Some(new));
        let mut read = vec![0; values.len()];
        let mut cursors = Cursors::new(columns.into_bytes());
        assert_eq!(pass(&mut cursors, &mut read), Some(new));
        assert_eq!(read, values);
    }

    #[test]
    fn a_value_stands_once_up_to_a_limit() {
        check(&[], 0);
        check(&[5, 5, 7, 5, 7, 7, 9], 3);
        let most = MAX_VALUES as u64;
        let many: Vec<u64> = (0..=most).chain([0, most, most, 1]).collect();
        check(&many, MAX_VALUES + 3);
    }

    #[test]
    fn an_index_of_no_value_is_refused() {
        for index in [2, u64::MAX] {
            let mut columns = Columns::default();
            for (column, value) in [
                (Column::Callers, 0),
                (Column::Tids, 5),
                (Column::Callers, index),
            ] {
                columns.uint(column, value).unwrap();
            }
            let mut cursors = Cursors::new(columns.into_bytes());
            assert_eq!(pass(&mut cursors, &mut [0, 0]), None);
        }
    }
}
