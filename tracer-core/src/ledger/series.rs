//! A history of bounded length that reaches back to the start.

use super::trend::{Point, Trend};
use crate::event::Timestamp;

/// An hour at one reading a second. When full, every second one goes and from then on only every
/// second one is kept, so the history stays even.
const MAX_READINGS: usize = 4096;

/// Readings in the order of time, of which at most `MAX` are kept.
#[derive(Clone, Debug)]
pub struct Series<T, const MAX: usize = MAX_READINGS> {
    kept: Vec<(Timestamp, T)>,
    last: Option<(Timestamp, T)>,
    stride: u64,
    seen: u64,
}

impl<T, const MAX: usize> Default for Series<T, MAX> {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            last: None,
            stride: 1,
            seen: 0,
        }
    }
}

impl<T: Clone, const MAX: usize> Series<T, MAX> {
    /// Adds a reading.
    pub fn add(&mut self, at: Timestamp, reading: &T) {
        if self.seen.is_multiple_of(self.stride) {
            if self.kept.len() == MAX {
                let mut keep = false;
                self.kept.retain(|_| {
                    keep = !keep;
                    keep
                });
                self.stride = self.stride.saturating_mul(2);
            }
            self.kept.push((at, reading.clone()));
        }
        self.seen += 1;
        self.last = Some((at, reading.clone()));
    }

    /// The oldest reading.
    #[must_use]
    pub fn first(&self) -> Option<&T> {
        self.kept.first().map(|(_, reading)| reading)
    }

    /// The newest reading.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        self.last.as_ref().map(|(_, reading)| reading)
    }

    /// When the newest reading but so many was taken.
    #[must_use]
    pub fn at_from_end(&self, newer: usize) -> Option<Timestamp> {
        self.readings().rev().nth(newer).map(|(at, _)| at)
    }

    /// Number of readings taken.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Whether each of the last readings, so many, was higher than the one before, by `gain` in all.
    #[must_use]
    pub fn keeps_rising(&self, readings: usize, gain: u64, of: impl Fn(&T) -> u64) -> bool {
        let Some(first) = self.kept.len().checked_sub(readings) else {
            return false;
        };
        let last: Vec<u64> = self.kept[first..]
            .iter()
            .map(|(_, reading)| of(reading))
            .collect();
        let gained = last
            .last()
            .zip(last.first())
            .map(|(last, first)| last.saturating_sub(*first));
        last.is_sorted_by(|before, after| before < after)
            && gained.is_some_and(|gained| gained >= gain)
    }

    /// The readings kept, the newest included, with seconds since the first.
    pub fn iter(&self) -> impl Iterator<Item = (f64, &T)> {
        let start = self.kept.first().map_or(Timestamp(0), |(at, _)| *at);
        self.readings()
            .map(move |(at, reading)| (at.seconds_since(start), reading))
    }

    /// The readings kept, the newest included, with when they were taken.
    pub fn readings(&self) -> impl DoubleEndedIterator<Item = (Timestamp, &T)> {
        // The newest counts also when the stride skipped it.
        let newest_kept = self.kept.last().map(|(at, _)| *at);
        let newest = self
            .last
            .iter()
            .filter(move |(at, _)| newest_kept != Some(*at));
        self.kept
            .iter()
            .chain(newest)
            .map(|(at, reading)| (*at, reading))
    }

    /// How a quantity moved, from the readings that tell it.
    #[must_use]
    pub fn trend(&self, bytes: impl Fn(&T) -> Option<u64>) -> Option<Trend> {
        let points: Vec<Point> = self
            .iter()
            .filter_map(|(seconds, reading)| {
                Some(Point {
                    seconds,
                    bytes: bytes(reading)?,
                })
            })
            .collect();
        Trend::of(&points)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_long_history_is_thinned_evenly() {
        let mut long: Series<u64> = Series::default();
        for second in 0..20_000_u64 {
            long.add(Timestamp(second * 1_000_000_000), &second);
        }
        assert!(long.kept.len() <= MAX_READINGS);
        let gaps: Vec<u64> = long
            .kept
            .windows(2)
            .map(|pair| pair[1].0.0 - pair[0].0.0)
            .collect();
        assert!(gaps.iter().all(|gap| *gap == gaps[0]));
        let trend = long.trend(|reading| Some(*reading)).unwrap();
        assert_eq!((trend.first, trend.last), (0, 19_999));
        assert_eq!(
            (long.first(), long.last(), long.seen()),
            (Some(&0), Some(&19_999), 20_000)
        );
    }

    #[test]
    fn what_keeps_rising() {
        let rises = |readings: &[u64], gain| {
            let mut series: Series<u64> = Series::default();
            for (second, reading) in readings.iter().enumerate() {
                series.add(Timestamp(second as u64 * 1_000_000_000), reading);
            }
            series.keeps_rising(4, gain, |reading| *reading)
        };
        assert!(rises(&[9, 1, 2, 3, 6], 5));
        assert!(!rises(&[9, 1, 2, 3, 6], 6));
        assert!(!rises(&[1, 2, 2, 30], 1));
        assert!(!rises(&[1, 20, 30, 29], 1));
        assert!(!rises(&[1, 2, 3], 1));
    }

    #[test]
    fn readings_without_the_quantity_do_not_count() {
        let mut series: Series<Option<u64>> = Series::default();
        for (second, reading) in [None, Some(10), None, Some(20), Some(30)]
            .into_iter()
            .enumerate()
        {
            series.add(Timestamp(second as u64 * 1_000_000_000), &reading);
        }
        let trend = series.trend(|reading| *reading).unwrap();
        assert_eq!((trend.samples, trend.seconds), (3, 3.0));
        assert_eq!(series.iter().count(), 5);
    }
}
