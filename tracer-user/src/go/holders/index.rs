//! Between which spans the end of an address is found: a search among all of them misses the cache too often.

use std::ops::Range;

use super::spans::Span;

/// Bits of an address in a block: 32 of the smallest spans. Of too many blocks each is larger.
const BLOCK_SHIFT: u32 = 18;
const MAX_BLOCKS: u64 = 1 << 20;

/// Spans by blocks of addresses.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Where the first block begins, and the bits of an address that lie in a block.
    start: u64,
    shift: u32,
    /// How many spans begin before each block, and behind the last one.
    before: Vec<u32>,
}

impl Index {
    /// Of spans in the order of addresses.
    pub(super) fn of(spans: &[Span]) -> Self {
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else {
            return Self::default();
        };
        let (start, width) = (first.start, last.start - first.start);
        let mut shift = BLOCK_SHIFT;
        while width >> shift >= MAX_BLOCKS {
            shift += 1;
        }
        let mut next = 0;
        let before = (0..=(width >> shift) + 1).map(|block| {
            let begins_before = |span: &Span| (span.start - start) >> shift < block;
            while spans.get(next).is_some_and(begins_before) {
                next += 1;
            }
            next as u32
        });
        let before = before.collect();
        Self {
            start,
            shift,
            before,
        }
    }

    /// The spans that begin in the block of an address; an empty range there when none does.
    pub(super) fn near(&self, address: u64) -> Range<usize> {
        let Some(at) = address.checked_sub(self.start) else {
            return 0..0;
        };
        let block = (at >> self.shift) as usize;
        let all = self.before.last().copied().unwrap_or(0);
        let count = |block: usize| self.before.get(block).copied().unwrap_or(all) as usize;
        count(block)..count(block.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[track_caller]
    fn check(starts: &[u64], address: u64, expected: Range<usize>) {
        let spans: Vec<Span> = starts.iter().map(|start| Span::at(*start, 64)).collect();
        assert_eq!(Index::of(&spans).near(address), expected, "{address:#x}");
    }

    #[test]
    fn spans_of_the_block_of_an_address() {
        check(&[], MIB, 0..0);
        let spans = [MIB, MIB + 8192, 2 * MIB];
        check(&spans, 0, 0..0);
        check(&spans, MIB, 0..2);
        check(&spans, MIB + 9000, 0..2);
        check(&spans, MIB + MIB / 2, 2..2);
        check(&spans, 2 * MIB, 2..3);
        check(&spans, u64::MAX, 3..3);
        // So wide that the blocks are larger.
        check(&[MIB, 1 << 50], 1 << 50, 1..2);
    }
}
