//! A map from address ranges that do not overlap to values.

use std::collections::BTreeMap;

/// A range and its value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Piece<T> {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) value: T,
}

/// Ranges in address order; neighbours of equal value are one range.
#[derive(Clone, Debug)]
pub(crate) struct Intervals<T> {
    spans: BTreeMap<u64, (u64, T)>,
    /// At this many ranges a further one is dropped and counted.
    limit: usize,
    dropped: u64,
}

impl<T: Clone + Eq> Intervals<T> {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            spans: BTreeMap::new(),
            limit,
            dropped: 0,
        }
    }

    /// Ranges not kept because the map was full.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(crate) fn clear(&mut self) {
        self.spans.clear();
    }

    /// All ranges, in address order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64, &T)> {
        self.spans
            .iter()
            .map(|(&start, (end, value))| (start, *end, value))
    }

    /// The parts of ranges that lie in `start..end`.
    pub(crate) fn within(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, u64, &T)> {
        let before = self.spans.range(..start).next_back();
        let inside = (start < end).then(|| self.spans.range(start..end));
        before
            .into_iter()
            .chain(inside.into_iter().flatten())
            .map(move |(&from, (to, value))| (from.max(start), (*to).min(end), value))
            .filter(|(from, to, _)| from < to)
    }

    /// Gives `start..end` this value, whatever it held before.
    pub(crate) fn set(&mut self, start: u64, end: u64, value: T) {
        if start >= end {
            return;
        }
        if self.is_apart(start, end, &value) {
            return self.put(start, end, value);
        }
        self.take(start, end, |_| true);
        self.put(start, end, value);
        self.join(start);
    }

    /// Whether nothing lies in `start..end` and no neighbour has this value, which is the rule.
    fn is_apart(&self, start: u64, end: u64, value: &T) -> bool {
        let mut below = self.spans.range(..=end);
        let mut nearest = below.next_back();
        if let Some((from, (_, right))) = nearest
            && *from == end
        {
            if right == value {
                return false;
            }
            nearest = below.next_back();
        }
        nearest.is_none_or(|(_, (to, left))| *to < start || *to == start && left != value)
    }

    /// Removes and returns what lies in `start..end` and is chosen.
    pub(crate) fn take(
        &mut self,
        start: u64,
        end: u64,
        chosen: impl Fn(&T) -> bool,
    ) -> Vec<Piece<T>> {
        if self.spans.is_empty() {
            return Vec::new();
        }
        // As a rule a call means exactly what another one made.
        if let Some((to, value)) = self.spans.get(&start)
            && *to == end
        {
            if !chosen(value) {
                return Vec::new();
            }
            let value = self.spans.remove(&start).map(|(_, value)| value);
            let piece = |value| Piece { start, end, value };
            return value.map(piece).into_iter().collect();
        }
        let parts: Vec<Piece<T>> = self
            .within(start, end)
            .filter(|(_, _, value)| chosen(value))
            .map(|(start, end, value)| Piece {
                start,
                end,
                value: value.clone(),
            })
            .collect();
        for part in &parts {
            let Some((key, (to, value))) = self.spans.range(..=part.start).next_back() else {
                continue;
            };
            let (key, to, value) = (*key, *to, value.clone());
            self.spans.remove(&key);
            self.put(key, part.start, value.clone());
            self.put(part.end, to, value);
        }
        parts
    }

    /// Changes the value of everything in `start..end`.
    pub(crate) fn change(&mut self, start: u64, end: u64, change: impl Fn(&mut T)) {
        for mut part in self.take(start, end, |_| true) {
            change(&mut part.value);
            self.put(part.start, part.end, part.value);
            self.join(part.start);
        }
    }

    /// The only way in, so that the limit holds.
    fn put(&mut self, start: u64, end: u64, value: T) {
        if start >= end {
            return;
        }
        if self.spans.len() >= self.limit {
            self.dropped += 1;
            return;
        }
        self.spans.insert(start, (end, value));
    }

    /// Makes the range at `start` one with its neighbours of equal value.
    fn join(&mut self, start: u64) {
        let Some((mut end, value)) = self.spans.get(&start).cloned() else {
            return;
        };
        if let Some((right_end, right_value)) = self.spans.get(&end)
            && *right_value == value
        {
            let right_end = *right_end;
            self.spans.remove(&end);
            end = right_end;
            self.spans.insert(start, (end, value.clone()));
        }
        if let Some((_, (left_end, left_value))) = self.spans.range_mut(..start).next_back()
            && *left_end == start
            && *left_value == value
        {
            *left_end = end;
            self.spans.remove(&start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(map: &Intervals<char>, expected: &str) {
        let text: Vec<String> = map
            .iter()
            .map(|(start, end, value)| format!("{start}-{end}{value}"))
            .collect();
        assert_eq!(text.join(" "), expected);
    }

    fn filled() -> Intervals<char> {
        let mut map = Intervals::new(8);
        map.set(10, 20, 'a');
        map.set(30, 40, 'b');
        map
    }

    #[test]
    fn a_later_value_wins() {
        let mut map = filled();
        map.set(15, 35, 'c');
        check(&map, "10-15a 15-35c 35-40b");
        map.set(0, 50, 'd');
        check(&map, "0-50d");
    }

    #[test]
    fn equal_neighbours_join() {
        let mut map = filled();
        map.set(20, 30, 'a');
        check(&map, "10-30a 30-40b");
        map.change(30, 40, |value| *value = 'a');
        check(&map, "10-40a");
        map.change(20, 25, |value| *value = 'x');
        check(&map, "10-20a 20-25x 25-40a");
        map.change(20, 25, |value| *value = 'a');
        check(&map, "10-40a");
    }

    #[test]
    fn taking_cuts_and_returns_what_was_chosen() {
        let mut map = filled();
        let taken = map.take(12, 35, |value| *value == 'a');
        assert_eq!(
            taken,
            [Piece {
                start: 12,
                end: 20,
                value: 'a'
            }]
        );
        check(&map, "10-12a 30-40b");
        assert_eq!(map.take(5, 5, |_| true), []);
        map.set(50, 50, 'e');
        check(&map, "10-12a 30-40b");
    }

    #[test]
    fn a_full_map_drops_and_counts() {
        let mut map = Intervals::new(2);
        for start in [0, 20, 40] {
            map.set(start, start + 10, start);
        }
        assert_eq!((map.len(), map.dropped()), (2, 1));
        map.take(3, 5, |_| true);
        assert_eq!((map.len(), map.dropped()), (2, 2));
    }
}
