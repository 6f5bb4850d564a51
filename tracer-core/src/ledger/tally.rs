//! Counts by stack, bounded.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use crate::event::StackId;

/// As many stacks as the stack table keeps; a count for a further one goes to `beyond`.
pub const MAX_STACKS: usize = 65_536;

/// Places of stacks that are found without a search, a power of two.
const RECENT: usize = 1024;

/// Something counted stack by stack. `None` stands for the stacks that were lost or not taken.
#[derive(Clone, Debug)]
pub struct ByStack<T> {
    counts: Vec<(Option<StackId>, T)>,
    /// Where in `counts` each stack is.
    places: BTreeMap<Option<StackId>, usize>,
    /// The place last used of the stacks whose ids end alike.
    recent: Vec<usize>,
    beyond: Option<T>,
    limit: usize,
}

impl<T> Default for ByStack<T> {
    fn default() -> Self {
        Self {
            counts: Vec::new(),
            places: BTreeMap::new(),
            recent: Vec::new(),
            beyond: None,
            limit: MAX_STACKS,
        }
    }
}

impl<T: Copy + Default + AddAssign> ByStack<T> {
    /// Adds to the count of a stack.
    pub fn add(&mut self, stack: Option<StackId>, amount: T) {
        if let Some(place) = self.place(stack) {
            self.counts[place].1 += amount;
        } else {
            *self.beyond.get_or_insert_with(T::default) += amount;
        }
    }

    /// Where the count of a stack is; `None` when it has no room.
    fn place(&mut self, stack: Option<StackId>) -> Option<usize> {
        self.recent.resize(RECENT, 0);
        let slot = stack.map_or(0, |stack| stack.0 as usize) % RECENT;
        let recent = self.recent[slot];
        if self
            .counts
            .get(recent)
            .is_some_and(|(known, _)| *known == stack)
        {
            return Some(recent);
        }
        let next = self.counts.len();
        let place = match self.places.get(&stack) {
            Some(place) => *place,
            None if next < self.limit => {
                self.places.insert(stack, next);
                self.counts.push((stack, T::default()));
                next
            }
            None => return None,
        };
        self.recent[slot] = place;
        Some(place)
    }

    /// Every stack with its count; last, without a stack, what did not fit.
    pub fn iter(&self) -> impl Iterator<Item = (Option<StackId>, T)> {
        let counts = self.places.values().map(|place| self.counts[*place]);
        counts.chain(self.beyond.map(|count| (None, count)))
    }

    /// The sum over all stacks.
    #[must_use]
    pub fn total(&self) -> T {
        let mut total = T::default();
        for (_, count) in self.iter() {
            total += count;
        }
        total
    }

    /// Nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_do_not_fit_stay_in_the_total() {
        let mut counts = ByStack {
            limit: 2,
            ..ByStack::default()
        };
        for (stack, amount) in [
            (Some(7), 1),
            (None, 10),
            (Some(8), 100),
            (Some(9), 1000),
            (Some(7), 5),
        ] {
            counts.add(stack.map(StackId), amount);
        }
        let listed: Vec<_> = counts.iter().collect();
        assert_eq!(listed, [(None, 10), (Some(StackId(7)), 6), (None, 1100)]);
        assert_eq!(counts.total(), 1116);
    }
}
