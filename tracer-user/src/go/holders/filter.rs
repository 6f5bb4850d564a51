//! Which words may point to something sought, asked of each word of the heap.
//!
//! ```text
//! word ─▶ its page has something sought? ─▶ its 64 bytes have? ─▶ which object, exactly
//! ```
//!
//! The first question is asked in a cache and without a branch, the last one costs a hundred times more.

use crate::go::runtime::PAGE;

/// Pages that are covered: 2 TiB from the first object to the last.
const MAX_PAGES: u64 = 1 << 28;

/// Bytes that a finer bit stands for, and those bits: addresses that are 512 MiB apart share one.
const GRAIN: u64 = 64;
const GRAINS: usize = 1 << 23;

/// Objects above this are not worth finer bits.
const LARGE: u64 = PAGE;

/// Words that are asked about at once.
pub(super) const BATCH: usize = 512;

/// Bits for all that is sought.
#[derive(Debug, Default)]
pub(super) struct Filter {
    first: u64,
    /// Pages with something sought.
    pages: Bits,
    /// Pages of large objects, for which that decides.
    large: Bits,
    grains: Bits,
}

impl Filter {
    /// For addresses of a range, unless that is too wide.
    pub(super) fn over(start: u64, end: u64) -> Option<Self> {
        let first = start / PAGE;
        let pages = (end - 1) / PAGE - first + 1;
        (pages <= MAX_PAGES).then(|| Self {
            first,
            pages: Bits::new(pages as usize),
            large: Bits::new(pages as usize),
            grains: Bits::new(GRAINS),
        })
    }

    pub(super) fn clear(&mut self) {
        for bits in [&mut self.pages, &mut self.large, &mut self.grains] {
            bits.clear();
        }
    }

    /// Something is sought from now on.
    pub(super) fn add(&mut self, base: u64, size: u64) {
        let last = base + size - 1;
        for page in base / PAGE..=last / PAGE {
            let page = page.wrapping_sub(self.first) as usize;
            self.pages.set(page);
            if size > LARGE {
                self.large.set(page);
            }
        }
        if size <= LARGE {
            for grain in base / GRAIN..=last / GRAIN {
                self.grains.set(grain as usize % GRAINS);
            }
        }
    }

    /// Which of the words, [`BATCH`] at most, point near something sought; says how many.
    pub(super) fn near(&self, words: &[[u8; 8]], found: &mut [u16; BATCH]) -> usize {
        let mut count = 0;
        for (index, word) in words.iter().enumerate() {
            found[count % BATCH] = index as u16;
            let page = (u64::from_le_bytes(*word) / PAGE).wrapping_sub(self.first);
            count += usize::from(self.pages.has(page as usize));
        }
        count
    }

    /// Whether a word that points near something sought may point into it.
    pub(super) fn may_hold(&self, value: u64) -> bool {
        let page = (value / PAGE).wrapping_sub(self.first);
        self.grains.has((value / GRAIN) as usize % GRAINS) || self.large.has(page as usize)
    }
}

/// A row of bits, and one word that stays empty: who asks for what is behind asks for that.
#[derive(Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn new(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64) + 1])
    }

    /// Anew, because most of it was never touched and takes no memory.
    fn clear(&mut self) {
        self.0 = vec![0; self.0.len()];
    }

    fn set(&mut self, bit: usize) {
        let behind = self.0.len().saturating_sub(1);
        if let Some(word) = self.0[..behind].get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    fn has(&self, bit: usize) -> bool {
        let behind = self.0.len().saturating_sub(1);
        let word = self.0.get((bit / 64).min(behind)).copied().unwrap_or(0);
        word >> (bit % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAP: u64 = 0xc0_0000_0000;
    const END: u64 = HEAP + (4 << 30);

    /// A filter for one object, and which of the words pass it.
    #[track_caller]
    fn check(base: u64, size: u64, words: &[u64], expected: &[u64]) {
        let mut filter = Filter::over(HEAP, END).expect("4 GiB");
        filter.add(base, size);
        let bytes: Vec<[u8; 8]> = words.iter().map(|word| word.to_le_bytes()).collect();
        let mut near = [0; BATCH];
        let count = filter.near(&bytes, &mut near);
        let near = near[..count].iter().map(|index| words[*index as usize]);
        let passed: Vec<u64> = near.filter(|word| filter.may_hold(*word)).collect();
        assert_eq!(passed, expected, "{base:#x}, {size} bytes");
    }

    #[test]
    fn words_into_what_is_sought_pass() {
        let small = HEAP + 3 * PAGE + 256;
        check(
            small,
            128,
            &[0, small - 1, small, small + 127, small + 128, u64::MAX],
            &[small, small + 127],
        );
        let over_pages = HEAP + 2 * PAGE - 64;
        check(
            over_pages,
            PAGE,
            &[over_pages, over_pages + PAGE - 1, over_pages + PAGE],
            &[over_pages, over_pages + PAGE - 1],
        );
        let large = HEAP + PAGE;
        check(
            large,
            9 * PAGE,
            &[HEAP, large, large + 9 * PAGE - 1, large + 9 * PAGE],
            &[large, large + 9 * PAGE - 1],
        );
    }

    #[test]
    fn words_beside_the_heap_never_pass() {
        let all = END - HEAP;
        check(HEAP, all, &[HEAP - 1, HEAP, END - 1, END], &[HEAP, END - 1]);
    }

    #[test]
    fn a_batch_may_pass_whole() {
        check(HEAP, 64, &[HEAP; BATCH], &[HEAP; BATCH]);
    }

    #[test]
    fn what_was_sought_before_does_not_pass() {
        let mut filter = Filter::over(HEAP, END).expect("4 GiB");
        filter.add(HEAP, 64);
        filter.clear();
        assert!(!filter.may_hold(HEAP));
    }
}
