//! The heap as a map: which object an address lies in, and what the runtime keeps about objects.

use super::bits::{self, Bits};
use super::index::Index;
use crate::go::runtime::{Doubt, Globals, Memory, ObjectLayout, PAGE, Record, each};

/// Spans that are remembered, 56 bytes each: some 4 GiB in the smallest ones. Of a larger heap those
/// with pointers or with samples are, and further ones are left out.
const MAX_SPANS: usize = 600_000;

/// Specials that are looked at.
const MAX_SPECIALS: usize = 1 << 20;

/// Bytes that are read of each: those of the longest, and memory for specials comes in larger pieces.
const SPECIAL: usize = 48;

/// A span with objects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Span {
    pub(super) start: u64,
    /// Behind its last slot.
    pub(super) end: u64,
    /// Bytes of a slot.
    pub(super) slot: u64,
    alloc_bits: u64,
    specials: u64,
    free_index: u32,
    /// The type of the one object, in a large span from Go 1.22 on.
    pub(super) large_type: u64,
    /// Twice the size class, odd without pointers.
    pub(super) class: u8,
}

impl Span {
    /// One slot, with pointers.
    #[cfg(test)]
    pub(super) fn at(start: u64, slot: u64) -> Self {
        Self {
            start,
            end: start + slot,
            slot,
            alloc_bits: 0,
            specials: 0,
            free_index: 0,
            large_type: 0,
            class: 4,
        }
    }

    /// The slot of an address, which lies in the span.
    pub(super) fn base(&self, address: u64) -> u64 {
        address - (address - self.start) % self.slot
    }

    /// Whether its objects may hold pointers.
    pub(super) fn has_pointers(&self) -> bool {
        self.class.is_multiple_of(2)
    }

    /// Whether a search from samples may come by.
    fn matters(&self) -> bool {
        self.has_pointers() || self.specials != 0
    }
}

/// What of a heap there is no room for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum LeftOut {
    Nothing,
    /// Spans without pointers and without samples.
    Plain,
    /// So many others, too.
    Others(u64),
}

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
        let (mut spans, left_out) = all(MAX_SPANS, |room| {
            // The list moves as it grows: a second look finds it at its new place.
            list(memory, globals, layout, room).or_else(|_| list(memory, globals, layout, room))
        })?;
        spans.sort_unstable_by_key(|span| span.start);
        // Two at one place: one of them was read half made.
        spans.dedup_by(|next, before| next.start < before.end);
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

/// For which spans there is room.
#[derive(Clone, Copy)]
struct Room {
    spans: usize,
    /// For those that matter only.
    choosy: bool,
}

/// All spans that `list` has room for, and what it has none for.
fn all(
    spans: usize,
    mut list: impl FnMut(Room) -> Result<(Vec<Span>, u64), Doubt>,
) -> Result<(Vec<Span>, LeftOut), Doubt> {
    let choosy = false;
    let (found, more) = list(Room { spans, choosy })?;
    if more == 0 {
        return Ok((found, LeftOut::Nothing));
    }
    drop(found);
    let choosy = true;
    let (found, more) = list(Room { spans, choosy })?;
    let left_out = match more {
        0 => LeftOut::Plain,
        others => LeftOut::Others(others),
    };
    Ok((found, left_out))
}

/// Spans with objects, as the heap lists them, and for how many there is no room.
fn list<M: Memory + ?Sized>(
    memory: &M,
    globals: &Globals,
    layout: &ObjectLayout,
    room: Room,
) -> Result<(Vec<Span>, u64), Doubt> {
    let fields = globals.layout.span;
    let list = globals.heap.wrapping_add(globals.layout.heap.all_spans);
    let list = memory
        .slice(list)
        .ok_or(Doubt::NotFound("list of spans (mheap_.allspans)"))?;
    let narrow = globals.layout.minor() >= 22;
    let (mut spans, mut more) = (Vec::new(), 0);
    each(memory, list, 1, fields.size as usize, |_, span| {
        let word = |at| {
            if narrow {
                u64::from(span.u16(at))
            } else {
                span.u64(at)
            }
        };
        let (start, pages) = (span.u64(fields.start), span.u64(fields.pages));
        let (slots, slot) = (word(fields.slots), span.u64(fields.slot_bytes));
        let size = pages.checked_mul(PAGE).filter(|size| *size < 1 << 40);
        let used = slots.checked_mul(slot).filter(|used| *used > 0);
        let (Some(size), Some(used)) = (size, used) else {
            return;
        };
        // One that is being made contradicts itself.
        let sound = start.is_multiple_of(PAGE) && start != 0 && start < 1 << 56;
        if span.u8(fields.state) != 1 || !sound || used > size {
            return;
        }
        let span = Span {
            start,
            end: start + used,
            slot,
            alloc_bits: span.u64(layout.span.alloc_bits),
            specials: span.u64(fields.specials),
            free_index: word(layout.span.free_index).min(slots) as u32,
            large_type: layout.span.large_type.map_or(0, |at| span.u64(at)),
            class: span.u8(fields.class),
        };
        if room.choosy && !span.matters() {
            return;
        }
        if spans.len() < room.spans {
            spans.push(span);
        } else {
            more += 1;
        }
    })?;
    Ok((spans, more))
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

    #[track_caller]
    fn check_room(room: usize, expected: (usize, LeftOut)) {
        // Three with pointers, and two without.
        let heap = [4, 5, 4, 5, 4].map(|class| Span {
            class,
            ..Span::at(START, SLOT)
        });
        let found = all(room, |room| {
            let spans = heap.iter().filter(|span| !room.choosy || span.matters());
            let spans: Vec<Span> = spans.copied().collect();
            let more = spans.len().saturating_sub(room.spans) as u64;
            Ok((spans.into_iter().take(room.spans).collect(), more))
        });
        let found = found.map(|(spans, left_out)| (spans.len(), left_out));
        assert_eq!(found, Ok(expected), "{room}");
    }

    #[test]
    fn spans_that_do_not_matter_are_left_out_first() {
        check_room(5, (5, LeftOut::Nothing));
        check_room(4, (3, LeftOut::Plain));
        check_room(3, (3, LeftOut::Plain));
        check_room(2, (2, LeftOut::Others(1)));
    }
}
