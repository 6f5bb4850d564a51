//! RSS and its parts over time.

use super::series::Series;
use super::trend::Trend;
use crate::event::{MemoryDetail, MemorySample, Timestamp};

/// The samples of a process.
#[derive(Clone, Debug, Default)]
pub struct MemoryLedger {
    samples: Series<MemorySample>,
    first_detail: Option<MemoryDetail>,
    last_detail: Option<MemoryDetail>,
}

impl MemoryLedger {
    /// Adds a sample.
    pub fn add(&mut self, at: Timestamp, sample: &MemorySample) {
        self.samples.add(at, sample);
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
        self.samples.last()
    }

    /// All samples.
    #[must_use]
    pub fn readings(&self) -> &Series<MemorySample> {
        &self.samples
    }

    /// Number of samples taken.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples.seen()
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
        self.samples.trend(|sample| Some(sample.rss))
    }

    /// How RSS without its lazily freed part moved.
    #[must_use]
    pub fn use_trend(&self) -> Option<Trend> {
        self.samples
            .trend(|sample| Some(sample.rss.saturating_sub(sample.lazy_free?)))
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
