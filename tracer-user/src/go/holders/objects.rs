//! The heap as a map: which object an address lies in, and what the runtime keeps about objects.

use super::bits::{self, Bits};
use super::index::Index;
use super::spans::{self, LeftOut, Span};
use crate::go::runtime::{Doubt, Globals, Memory, ObjectLayout, Record};

/// Specials that are looked at.
const MAX_SPECIALS: usize = 1 << 20;

/// Bytes that are read of each: those of the longest, and memory for specials comes in larger pieces.
const SPECIAL: usize = 48;

/// What the runtime keeps about an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kept {
    /// It was sampled by the heap profiler; the bucket.
    Sampled(u64),
    /// It has a finalizer: this function.
    Finalizer(u64),
    /// Something is done when it is gone: this function.
    Cleanup(u64),
}

/// All spans with objects, in the order of addresses.
#[derive(Debug)]
pub(super) struct Objects<'m, M: ?Sized> {
    memory: &'m M,
    spans: Vec<Span>,
    index: Index,
    left_out: LeftOut,
    bits: Bits,
    /// Where in a span of small objects is told which of their words hold pointers.
    words_at: Option<u64>,
}

impl<'m, M: Memory + ?Sized> Objects<'m, M> {
    /// Reads all spans.
    pub(super) fn read(
        memory: &'m M,
        globals: &Globals,
        layout: &ObjectLayout,
    ) -> Result<Self, Doubt> {
        let (spans, left_out) = spans::read(memory, globals, layout)?;
        Ok(Self {
            memory,
            index: Index::of(&spans),
            left_out,
            bits: Bits::default(),
            words_at: layout.header_above.and_then(|_| bits::words_at(&spans)),
            spans,
        })
    }

    pub(super) fn spans(&self) -> &[Span] {
        &self.spans
    }

    pub(super) fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// The span of an address.
    pub(super) fn span(&self, address: u64) -> Option<&Span> {
        self.index(address).map(|index| &self.spans[index])
    }

    pub(super) fn index(&self, address: u64) -> Option<usize> {
        let near = self.index.near(address);
        let after = self.spans[near.clone()].partition_point(|span| span.start <= address);
        let index = (near.start + after).checked_sub(1)?;
        (address < self.spans[index].end).then_some(index)
    }

    /// The object of an address and its bytes, whether or not its slot is taken.
    pub(super) fn object(&self, address: u64) -> Option<(u64, u64)> {
        let span = self.span(address)?;
        Some((span.base(address), span.slot))
    }

    /// Whether the slot at `base` has an object. Free slots still hold what was there before.
    pub(super) fn is_taken(&mut self, base: u64) -> bool {
        let Some(index) = self.index(base) else {
            return false;
        };
        let span = self.spans[index];
        let number = (base - span.start) / span.slot;
        number < u64::from(span.free_index) || self.bit(&span, number)
    }

    /// Whether the object was there when a collection looked.
    pub(super) fn has_survived(&mut self, base: u64) -> bool {
        let Some(index) = self.index(base) else {
            return false;
        };
        let span = self.spans[index];
        self.bit(&span, (base - span.start) / span.slot)
    }

    fn bit(&mut self, span: &Span, number: u64) -> bool {
        let slots = ((span.end - span.start) / span.slot) as usize;
        let length = slots.div_ceil(8);
        self.bits.bit(self.memory, span.alloc_bits, length, number)
    }

    /// Whether the word at `place` is one that the collector follows. Behind the last word of an
    /// object its slot still holds what was there before (seen with Go 1.27).
    pub(super) fn may_point(&mut self, place: u64) -> bool {
        let (Some(at), Some(index)) = (self.words_at, self.index(place)) else {
            return true;
        };
        let span = self.spans[index];
        let word = (place - span.start) / 8;
        let start = span.start + at;
        !bits::says(&span) || self.bits.bit(self.memory, start, bits::WORDS, word)
    }

    /// What the runtime keeps about objects: the object, and what.
    pub(super) fn kept(&self, layout: &ObjectLayout) -> Vec<(u64, Kept)> {
        let special = layout.special;
        let mut found = Vec::new();
        for span in self.spans.iter().filter(|span| span.specials != 0) {
            let (mut at, mut last) = (span.specials, None);
            while at != 0 && found.len() < MAX_SPECIALS {
                let mut bytes = [0; SPECIAL];
                if self.memory.read(at, &mut bytes).is_err() {
                    break;
                }
                let record = Record(&bytes);
                let offset = if special.wide_offset {
                    record.u64(8)
                } else {
                    u64::from(record.u16(8))
                };
                // They are in the order of their objects; who is not goes round.
                let kind = record.u8(special.kind);
                let inside = offset < span.end - span.start;
                if !inside || last.is_some_and(|last| last > (offset, kind)) {
                    break;
                }
                last = Some((offset, kind));
                let detail = record.u64(special.detail);
                let base = span.base(span.start + offset);
                if kind == special.profile {
                    found.push((base, Kept::Sampled(detail)));
                } else if kind == special.finalizer {
                    found.push((base, Kept::Finalizer(detail)));
                } else if Some(kind) == special.cleanup {
                    let words = special.cleanup_words.iter();
                    found.extend(words.map(|at| (base, Kept::Cleanup(record.u64(*at)))));
                }
                at = record.u64(0);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::go::runtime::Unreadable;

    const START: u64 = 0xc0_0000_0000;
    const SLOT: u64 = 160;
    const WORDS_AT: u64 = 7936;

    /// A span of objects of 19 words, all pointers, in slots of 20.
    struct Nineteen;

    impl Memory for Nineteen {
        fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
            assert_eq!(address, START + WORDS_AT);
            for (index, byte) in into.iter_mut().enumerate() {
                let bits = (0..8).map(|bit| u8::from((index * 8 + bit) % 20 < 19) << bit);
                *byte = bits.sum();
            }
            Ok(())
        }
    }

    #[track_caller]
    fn check(words_at: Option<u64>, offset: u64, expected: bool) {
        let span = Span {
            end: START + WORDS_AT / SLOT * SLOT,
            ..Span::at(START, SLOT)
        };
        let mut objects = Objects {
            memory: &Nineteen,
            index: Index::of(&[span]),
            left_out: LeftOut::Nothing,
            spans: vec![span],
            bits: Bits::default(),
            words_at,
        };
        assert_eq!(objects.may_point(START + offset), expected, "{offset}");
    }

    #[test]
    fn what_is_left_behind_an_object_points_nowhere() {
        check(Some(WORDS_AT), 0, true);
        check(Some(WORDS_AT), SLOT - 16, true);
        check(Some(WORDS_AT), SLOT - 8, false);
        check(Some(WORDS_AT), 7 * SLOT - 8, false);
        check(Some(WORDS_AT), 7 * SLOT, true);
        // Where it is not known which words are pointers, all may be.
        check(None, SLOT - 8, true);
    }
}
