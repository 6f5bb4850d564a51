//! Memory given back with `MADV_FREE`, range by range, and by whom.

use std::collections::BTreeMap;

use super::MAX_REGIONS;
use crate::event::StackId;
use crate::ledger::intervals::Intervals;

/// Ranges under `MADV_FREE` that were not unmapped or dropped since.
///
/// A range that is written again is no longer lazily freed, and only the kernel knows:
/// the bytes are an upper bound. At most [`MAX_REGIONS`] ranges; more are counted.
#[derive(Clone, Debug)]
pub struct AdvisedFree {
    ranges: Intervals<Option<StackId>>,
}

impl Default for AdvisedFree {
    fn default() -> Self {
        Self {
            ranges: Intervals::new(MAX_REGIONS),
        }
    }
}

impl AdvisedFree {
    /// Bytes advised, each byte once.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.ranges.iter().map(|(start, end, _)| end - start).sum()
    }

    /// Bytes advised by the stack that did it last.
    #[must_use]
    pub fn by_stack(&self) -> BTreeMap<Option<StackId>, u64> {
        let mut bytes = BTreeMap::new();
        for (start, end, stack) in self.ranges.iter() {
            *bytes.entry(*stack).or_insert(0) += end - start;
        }
        bytes
    }

    pub(super) fn record(&mut self, start: u64, end: u64, stack: Option<StackId>) {
        self.ranges.set(start, end, stack);
    }

    pub(super) fn forget(&mut self, start: u64, end: u64) {
        self.ranges.take(start, end, |_| true);
    }

    pub(super) fn clear(&mut self) {
        self.ranges.clear();
    }

    pub(super) fn dropped(&self) -> u64 {
        self.ranges.dropped()
    }
}
