//! The spans of the heap that hold objects.

use crate::go::runtime::{Doubt, Globals, Memory, ObjectLayout, PAGE, each};

/// Spans that are remembered, 56 bytes each: some 4 GiB in the smallest ones. Of a larger heap those
/// with pointers or with samples are, and of these as many as there is room for, in no order that means
/// anything.
const MAX_SPANS: usize = 600_000;

/// A span with objects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Span {
    pub(super) start: u64,
    /// Behind its last slot.
    pub(super) end: u64,
    /// Bytes of a slot.
    pub(super) slot: u64,
    pub(super) alloc_bits: u64,
    pub(super) specials: u64,
    pub(super) free_index: u32,
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

/// All spans that there is room for, in the order of addresses, and what there is none for.
pub(super) fn read<M: Memory + ?Sized>(
    memory: &M,
    globals: &Globals,
    layout: &ObjectLayout,
) -> Result<(Vec<Span>, LeftOut), Doubt> {
    let (mut spans, left_out) = all(MAX_SPANS, |room| {
        // The list moves as it grows: a second look finds it at its new place.
        list(memory, globals, layout, room).or_else(|_| list(memory, globals, layout, room))
    })?;
    spans.sort_unstable_by_key(|span| span.start);
    // Two at one place: one of them was read half made.
    spans.dedup_by(|next, before| next.start < before.end);
    Ok((spans, left_out))
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

    #[track_caller]
    fn check_room(room: usize, expected: (usize, LeftOut)) {
        // Three with pointers, and two without.
        let heap = [4, 5, 4, 5, 4].map(|class| Span {
            class,
            ..Span::at(0xc0_0000_0000, 160)
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
