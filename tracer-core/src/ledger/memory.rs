//! RSS and its parts over time.

use super::trend::{Point, Trend};
use crate::event::{MemoryDetail, MemorySample, Timestamp};

/// An hour at one sample a second. When full, every second sample goes and from then on
/// only every second one is kept, so the history stays even and reaches back to the start.
const MAX_SAMPLES: usize = 4096;

/// The samples of a process.
#[derive(Clone, Debug)]
pub struct MemoryLedger {
    samples: Vec<(Timestamp, MemorySample)>,
    last: Option<(Timestamp, MemorySample)>,
    stride: u64,
    seen: u64,
    first_detail: Option<MemoryDetail>,
    last_detail: Option<MemoryDetail>,
}

impl Default for MemoryLedger {
    fn default() -> Self {
        Self {
            samples: Vec::new(),
            last: None,
            stride: 1,
            seen: 0,
            first_detail: None,
            last_detail: None,
        }
    }
}

impl MemoryLedger {
    /// Adds a sample.
    pub fn add(&mut self, at: Timestamp, sample: &MemorySample) {
        if self.seen.is_multiple_of(self.stride) {
            if self.samples.len() == MAX_SAMPLES {
                let mut keep = false;
                self.samples.retain(|_| {
                    keep = !keep;
                    keep
                });
                self.stride = self.stride.saturating_mul(2);
            }
            self.samples.push((at, sample.clone()));
        }
        self.seen += 1;
        self.last = Some((at, sample.clone()));
    }

    /// Takes the newest detail; the first is kept to tell growth.
    pub fn add_detail(&mut self, detail: &MemoryDetail) {
        if self.first_detail.is_none() {
            self.first_detail = Some(detail.clone());
        } else {
            self.last_detail = Some(detail.clone());
        }
    }

    /// The newest sample.
    #[must_use]
    pub fn last(&self) -> Option<&MemorySample> {
        self.last.as_ref().map(|(_, sample)| sample)
    }

    /// Number of samples taken.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.seen
    }

    /// The newest detail, and an older one to compare with when there is one.
    #[must_use]
    pub fn details(&self) -> Option<(&MemoryDetail, Option<&MemoryDetail>)> {
        match (&self.first_detail, &self.last_detail) {
            (Some(first), Some(last)) => Some((last, Some(first))),
            (Some(only), None) => Some((only, None)),
            (None, _) => None,
        }
    }

    /// How RSS moved.
    #[must_use]
    pub fn rss_trend(&self) -> Option<Trend> {
        self.trend(|sample| Some(sample.rss))
    }

    /// How RSS without its lazily freed part moved.
    #[must_use]
    pub fn use_trend(&self) -> Option<Trend> {
        self.trend(|sample| Some(sample.rss.saturating_sub(sample.lazy_free?)))
    }

    fn trend(&self, bytes: impl Fn(&MemorySample) -> Option<u64>) -> Option<Trend> {
        let kept = self.samples.iter();
        // The newest sample always counts, also when the stride skipped it.
        let newest = self
            .last
            .iter()
            .filter(|(at, _)| self.samples.last().map(|last| last.0) != Some(*at));
        let start = self.samples.first()?.0;
        let points: Vec<Point> = kept
            .chain(newest)
            .filter_map(|(at, sample)| {
                Some(Point {
                    seconds: at.seconds_since(start),
                    bytes: bytes(sample)?,
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

    fn ledger(samples: impl IntoIterator<Item = (u64, Option<u64>)>) -> MemoryLedger {
        let mut ledger = MemoryLedger::default();
        for (second, (rss, lazy_free)) in samples.into_iter().enumerate() {
            let sample = MemorySample {
                rss,
                lazy_free,
                ..MemorySample::default()
            };
            ledger.add(Timestamp(second as u64 * 1_000_000_000), &sample);
        }
        ledger
    }

    #[test]
    fn use_is_rss_without_what_was_lazily_freed() {
        let grown = ledger([
            (100, Some(0)),
            (200, Some(100)),
            (300, Some(200)),
            (400, Some(300)),
        ]);
        assert_eq!(grown.rss_trend().unwrap().gain(), 300);
        assert_eq!(grown.use_trend().unwrap().gain(), 0);
        assert_eq!(ledger([(1, None), (2, None), (3, None)]).use_trend(), None);
    }

    #[test]
    fn a_long_history_is_thinned_evenly() {
        let long = ledger((0..20_000).map(|rss| (rss, None)));
        assert!(long.samples.len() <= MAX_SAMPLES);
        let gaps: Vec<u64> = long
            .samples
            .windows(2)
            .map(|pair| pair[1].0.0 - pair[0].0.0)
            .collect();
        assert!(gaps.iter().all(|gap| *gap == gaps[0]));
        let trend = long.rss_trend().unwrap();
        assert_eq!((trend.first, trend.last), (0, 19_999));
        assert_eq!(long.samples(), 20_000);
    }

    #[test]
    fn the_first_detail_is_what_growth_is_told_from() {
        let detail = |took_ns| MemoryDetail {
            mappings: Vec::new(),
            took_ns,
        };
        let mut ledger = MemoryLedger::default();
        assert!(ledger.details().is_none());
        ledger.add_detail(&detail(1));
        assert_eq!(ledger.details().unwrap(), (&detail(1), None));
        ledger.add_detail(&detail(2));
        ledger.add_detail(&detail(3));
        assert_eq!(ledger.details().unwrap(), (&detail(3), Some(&detail(1))));
    }
}
