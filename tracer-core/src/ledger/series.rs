//! A history of bounded length that reaches back to the start.

use super::trend::{Point, Trend};
use crate::event::Timestamp;

/// An hour at one reading a second. When full, every second one goes and from then on only every
/// second one is kept, so the history stays even.
const MAX_READINGS: usize = 4096;

/// Readings in the order of time.
#[derive(Clone, Debug)]
pub struct Series<T> {
    kept: Vec<(Timestamp, T)>,
    last: Option<(Timestamp, T)>,
    stride: u64,
    seen: u64,
}

impl<T> Default for Series<T> {
    fn default() -> Self {
        Self {
            kept: Vec::new(),
            last: None,
            stride: 1,
            seen: 0,
        }
    }
}

impl<T: Clone> Series<T> {
    /// Adds a reading.
    pub fn add(&mut self, at: Timestamp, reading: &T) {
        if self.seen.is_multiple_of(self.stride) {
            if self.kept.len() == MAX_READINGS {
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

    /// Number of readings taken.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// The readings kept, the newest included, with seconds since the first.
    pub fn iter(&self) -> impl Iterator<Item = (f64, &T)> {
        let start = self.kept.first().map_or(Timestamp(0), |(at, _)| *at);
        // The newest counts also when the stride skipped it.
        let newest_kept = self.kept.last().map(|(at, _)| *at);
        let newest = self
            .last
            .iter()
            .filter(move |(at, _)| newest_kept != Some(*at));
        self.kept
            .iter()
            .chain(newest)
            .map(move |(at, reading)| (at.seconds_since(start), reading))
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
        let mut long = Series::default();
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
    fn readings_without_the_quantity_do_not_count() {
        let mut series = Series::default();
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
