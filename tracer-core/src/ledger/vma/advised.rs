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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Advice, Call, Syscall, Timestamp};
    use crate::ledger::vma::MAP_PRIVATE;
    use crate::ledger::vma::tests::{PAGE, call, madvise, mmap, mremap, munmap, run};

    #[track_caller]
    fn check_advised(calls: &[(Syscall, u64)], expected_pages: u64) {
        assert_eq!(run(calls).advised_free().bytes() / PAGE, expected_pages);
    }

    #[test]
    fn advised_bytes_count_once_and_end_with_the_memory() {
        let free = |page, pages| madvise(page, pages, Advice::FREE);
        check_advised(&[mmap(10, 10, 3), free(12, 4), free(14, 4)], 6);
        check_advised(&[mmap(10, 4, 3), free(8, 10)], 4);
        check_advised(
            &[
                mmap(10, 10, 3),
                free(10, 10),
                madvise(12, 2, Advice::DONTNEED),
            ],
            8,
        );
        check_advised(&[mmap(10, 10, 3), free(10, 10), munmap(10, 5)], 5);
        check_advised(&[mmap(10, 10, 3), free(10, 10), mmap(10, 2, 3)], 8);
        check_advised(
            &[mmap(10, 10, 3), free(10, 10), mremap(10, 10, 40, 10, 1)],
            0,
        );
        check_advised(
            &[mmap(10, 10, 3), free(10, 10), mremap(10, 10, 10, 4, 1)],
            4,
        );
        let file = Syscall::Mmap {
            addr: 0,
            len: PAGE,
            prot: 1,
            flags: MAP_PRIVATE,
            fd: 3,
            offset: 0,
        };
        check_advised(&[(file, 10 * PAGE), free(10, 1)], 0);
    }

    #[test]
    fn advised_bytes_belong_to_the_last_caller() {
        let mut ledger = run(&[mmap(10, 10, 3)]);
        for (stack, page, pages) in [(1, 10, 6), (2, 14, 4)] {
            let (what, outcome) = madvise(page, pages, Advice::FREE);
            let by = Call {
                stack: Some(StackId(stack)),
                goroutine: None,
                ..call(what, outcome, None)
            };
            ledger.apply(&by, Timestamp(99));
        }
        let expected = BTreeMap::from([(Some(StackId(1)), 4 * PAGE), (Some(StackId(2)), 4 * PAGE)]);
        assert_eq!(ledger.advised_free().by_stack(), expected);
    }
}
