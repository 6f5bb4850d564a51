//! Bitmaps of the runtime: which slots are taken, which words of small objects hold pointers.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::spans::Span;
use crate::go::runtime::{Memory, PAGE};

/// Bitmaps that are kept, in bytes with what each takes beside its own; then all are dropped.
const MAX_KEPT: usize = 24 << 20;
const BESIDE: usize = 48;

/// A bit for each word of a page; the longest bitmap.
pub(super) const WORDS: usize = (PAGE / 64) as usize;

/// Behind the bitmap of the words, where the collector marks within spans (Go 1.25 and newer).
const MARKS: u64 = 128;

/// Slots that say of their words which hold pointers, in bytes: all words of smaller ones do.
const SAYING: RangeInclusive<u64> = 16..=512;

/// Bitmaps that were asked for, by their address.
#[derive(Debug, Default)]
pub(super) struct Bits {
    rows: HashMap<u64, Box<[u8]>>,
    kept: usize,
}

impl Bits {
    /// A bit of the bitmap at an address, which is so many bytes long.
    pub(super) fn bit<M: Memory + ?Sized>(
        &mut self,
        memory: &M,
        at: u64,
        length: usize,
        number: u64,
    ) -> bool {
        if self.kept > MAX_KEPT {
            *self = Self::default();
        }
        let kept = &mut self.kept;
        let row = self.rows.entry(at).or_insert_with(|| {
            let mut bytes = vec![0; length.min(WORDS)];
            *kept += bytes.len() + BESIDE;
            match memory.read(at, &mut bytes) {
                Ok(()) => bytes.into(),
                Err(_) => Box::default(),
            }
        });
        let byte = row.get((number / 8) as usize).copied().unwrap_or(0);
        byte >> (number % 8) & 1 == 1
    }
}

/// Where in a span its bitmap of words is (`spanHeapBitsRange` in `runtime/mbitmap.go`, Go 1.22 and
/// newer); by how many slots leave room for it, because a build may choose its collector. `None`
/// where that is not certain: then any word may hold a pointer.
pub(super) fn words_at(spans: &[Span]) -> Option<u64> {
    let bitmap = PAGE / 64;
    let fits = |at: u64| {
        let other = 2 * (PAGE - bitmap) - MARKS - at;
        spans.iter().filter(|span| says(span)).any(|span| {
            let slots = (span.end - span.start) / span.slot;
            slots == at / span.slot && slots != other / span.slot
        })
    };
    let (behind_marks, last) = (PAGE - bitmap - MARKS, PAGE - bitmap);
    match (fits(behind_marks), fits(last)) {
        (true, false) => Some(behind_marks),
        (false, true) => Some(last),
        _ => None,
    }
}

/// Whether the objects of a span say which of their words hold pointers.
pub(super) fn says(span: &Span) -> bool {
    span.has_pointers() && SAYING.contains(&span.slot) && span.end - span.start <= PAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(spans: &[(u64, u64)], expected: Option<u64>) {
        let with_slots = |(slot, slots): &(u64, u64)| {
            let mut span = Span::at(PAGE, *slot);
            span.end = PAGE + slot * slots;
            span
        };
        let spans: Vec<Span> = spans.iter().map(with_slots).collect();
        assert_eq!(words_at(&spans), expected, "{spans:?}");
    }

    #[test]
    fn the_number_of_slots_tells_where_the_bitmap_is() {
        check(&[], None);
        // All fit with and without marks, or say nothing.
        check(&[(512, 15), (8, 1008), (1024, 8)], None);
        check(&[(512, 15), (16, 496)], Some(7936));
        check(&[(512, 15), (16, 504)], Some(8064));
        check(&[(16, 504), (32, 248)], None);
    }
}
