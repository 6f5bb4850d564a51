//! A census of the heap's spans (`mheap_.allspans`): who has which pages, and how full they are.
//!
//! It needs no profiler and is exact: the runtime itself finds memory by these structures.

use super::doubt::Doubt;
use super::globals::Globals;
use super::layout::{Layout, PAGE};
use super::memory::Memory;
use super::record::{Record, each, read};

/// Two for each size class: with and without pointers (`numSpanClasses`).
const CLASSES: usize = 136;

/// Spans whose place is remembered, 16 bytes each; a full heap of 16 GiB in the smallest ones.
const MAX_PLACES: usize = 2 << 20;

/// Of so many spans in use one may be seen half made.
const TORN: u64 = 1000;

/// Spans that are looked at again; more of them are no accident.
const MAX_DOUBTFUL: usize = 1 << 16;

/// Pages of a span of 1 TiB.
const MAX_PAGES: u32 = 1 << 27;

/// Bytes of an arena (`heapArenaBytes`), on 64-bit Linux.
pub const ARENA: u64 = 64 << 20;

/// Arenas of 8 TiB.
const MAX_ARENAS: u64 = 1 << 17;

/// What a span is for (`mspan.state`).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Use {
    /// Objects.
    Objects,
    /// Goroutine stacks, and the collector's buffers.
    Manual,
}

/// One span in use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// Its number among the pages of the address space, 8 KiB each.
    pub first_page: u64,
    /// Pages.
    pub pages: u32,
    /// Share of it that objects take, in 255ths; rounded up.
    pub full: u8,
    /// What for.
    pub used: Use,
}

/// The spans of one class.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Class {
    /// Bytes of a slot; 0 for objects that have a span of their own.
    pub slot_bytes: u64,
    /// Its objects hold no pointers.
    pub no_pointers: bool,
    /// Spans.
    pub spans: u64,
    /// Bytes of the spans.
    pub bytes: u64,
    /// Slots with an object, garbage that was not swept yet included.
    pub objects: u64,
    /// All slots.
    pub slots: u64,
    /// Bytes of slots with an object.
    pub object_bytes: u64,
}

/// All spans at one instant.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Census {
    /// Classes with spans, in the order of their size; objects with a span of their own come first.
    pub classes: Vec<Class>,
    /// Spans that hold objects.
    pub in_use_spans: u64,
    /// Bytes of these.
    pub in_use_bytes: u64,
    /// Bytes of slots with an object.
    pub object_bytes: u64,
    /// Bytes of spans for stacks and the collector.
    pub manual_bytes: u64,
    /// Where the spans in use are, in the order of addresses, if asked for and not too many.
    pub places: Option<Vec<Place>>,
    /// Where the arenas of the heap begin, each of [`ARENA`] bytes, if places were asked for.
    pub arenas: Vec<u64>,
    /// Spans that were seen half made, and are in no sum.
    pub torn: u64,
}

impl Census {
    /// Bytes of spans with objects that no object takes.
    #[must_use]
    pub fn free_in_spans(&self) -> u64 {
        self.in_use_bytes.saturating_sub(self.object_bytes)
    }
}

/// Counts all spans. `places` says whether to remember where they are.
///
/// # Errors
/// When they cannot be read, or are not as their classes say.
pub fn read_spans<M: Memory + ?Sized>(
    memory: &M,
    globals: &Globals,
    places: bool,
) -> Result<Census, Doubt> {
    let layout = &globals.layout;
    let list = globals.heap.wrapping_add(layout.heap.all_spans);
    let list = memory
        .slice(list)
        .ok_or(Doubt::NotFound("list of spans (mheap_.allspans)"))?;
    let mut counting = Counting {
        layout,
        classes: [Class::default(); CLASSES],
        census: Census {
            places: places.then(Vec::new),
            ..Census::default()
        },
        doubtful: Vec::new(),
    };
    let size = layout.span.size as usize;
    let missing = each(memory, list, 1, size, |at, span| counting.count(at, span))?;
    counting.look_again(memory, size);
    let mut census = counting.finish(missing)?;
    if places {
        census.arenas = arenas(memory, globals, census.places.as_deref())?;
    }
    Ok(census)
}

/// The arenas that the heap lists; up to Go 1.11 those with spans in use.
fn arenas<M: Memory + ?Sized>(
    memory: &M,
    globals: &Globals,
    places: Option<&[Place]>,
) -> Result<Vec<u64>, Doubt> {
    let layout = &globals.layout;
    let mut arenas: Vec<u64> = match layout.heap.arenas {
        None => {
            let starts = places.unwrap_or_default().iter();
            starts
                .map(|place| place.first_page * PAGE / ARENA * ARENA)
                .collect()
        }
        Some(offset) => {
            let list = memory.slice(globals.heap.wrapping_add(offset));
            let list = list.ok_or(Doubt::NotFound("list of arenas (mheap_)"))?;
            if list.len > MAX_ARENAS {
                return Err(Doubt::Impossible("number of arenas", list.len));
            }
            let bytes = read(memory, list.pointer, list.len * 8)?;
            let (words, _) = bytes.as_chunks::<8>();
            let index = |word: &[u8; 8]| u64::from_le_bytes(*word);
            let base = layout.arena_base;
            words
                .iter()
                .map(|word| index(word).wrapping_mul(ARENA).wrapping_add(base))
                .collect()
        }
    };
    arenas.sort_unstable();
    arenas.dedup();
    Ok(arenas)
}

struct Counting<'l> {
    layout: &'l Layout,
    classes: [Class; CLASSES],
    census: Census,
    /// Seen half made.
    doubtful: Vec<u64>,
}

impl Counting<'_> {
    fn count(&mut self, address: u64, span: Record<'_>) {
        if self.take(span).is_some() {
            return;
        }
        if self.doubtful.len() < MAX_DOUBTFUL {
            self.doubtful.push(address);
        } else {
            self.census.torn += 1;
        }
    }

    /// Takes a span in; `None` for one that contradicts itself.
    fn take(&mut self, span: Record<'_>) -> Option<()> {
        let fields = &self.layout.span;
        let used = match span.u8(fields.state) {
            1 => Use::Objects,
            2 => Use::Manual,
            // Free, or no span any more.
            0 | 3 => return Some(()),
            _ => return None,
        };
        let (start, pages) = (span.u64(fields.start), span.u64(fields.pages));
        let place = start.is_multiple_of(PAGE) && start != 0;
        let pages = u32::try_from(pages)
            .ok()
            .filter(|pages| place && (1..MAX_PAGES).contains(pages))?;
        let bytes = u64::from(pages) * PAGE;
        let full = match used {
            Use::Manual => {
                self.census.manual_bytes = self.census.manual_bytes.saturating_add(bytes);
                u8::MAX
            }
            Use::Objects => self.take_objects(span, bytes)?,
        };
        if let Some(places) = &mut self.census.places {
            if places.len() == MAX_PLACES {
                self.census.places = None;
            } else {
                places.push(Place {
                    first_page: start / PAGE,
                    pages,
                    full,
                    used,
                });
            }
        }
        Some(())
    }

    /// Takes a span with objects in, and says how full it is.
    fn take_objects(&mut self, span: Record<'_>, bytes: u64) -> Option<u8> {
        let fields = &self.layout.span;
        let number = span.u8(fields.class);
        let size = self
            .layout
            .classes()
            .get(usize::from(number / 2))
            .copied()?;
        let slot = span.u64(fields.slot_bytes);
        let slots = match self.layout.minor {
            ..=21 => span.u64(fields.slots),
            _ => u64::from(span.u16(fields.slots)),
        };
        let objects = u64::from(span.u16(fields.allocated));
        let fits = slots.checked_mul(slot).is_some_and(|all| all <= bytes);
        if objects > slots || !fits || slot == 0 || (size != 0 && slot != u64::from(size)) {
            return None;
        }
        let class = self.classes.get_mut(usize::from(number))?;
        let object_bytes = objects * slot;
        class.slot_bytes = u64::from(size);
        class.no_pointers = number % 2 == 1;
        class.spans += 1;
        class.bytes = class.bytes.saturating_add(bytes);
        class.objects = class.objects.saturating_add(objects);
        class.slots = class.slots.saturating_add(slots);
        class.object_bytes = class.object_bytes.saturating_add(object_bytes);
        self.census.in_use_spans += 1;
        self.census.in_use_bytes = self.census.in_use_bytes.saturating_add(bytes);
        self.census.object_bytes = self.census.object_bytes.saturating_add(object_bytes);
        Some((object_bytes * 255).div_ceil(bytes) as u8)
    }

    /// A span that was being made is made by now, or no span.
    fn look_again<M: Memory + ?Sized>(&mut self, memory: &M, size: usize) {
        let mut bytes = vec![0; size];
        for address in std::mem::take(&mut self.doubtful) {
            let again = memory.read(address, &mut bytes).is_ok();
            if !again || self.take(Record(&bytes)).is_none() {
                self.census.torn += 1;
            }
        }
    }

    fn finish(self, missing: u64) -> Result<Census, Doubt> {
        let mut census = self.census;
        census.torn += missing;
        if census.torn > 1 + census.in_use_spans / TORN {
            return Err(Doubt::Classes {
                wrong: census.torn,
                all: census.torn + census.in_use_spans,
            });
        }
        let used = self.classes.into_iter().filter(|class| class.spans > 0);
        census.classes = used.collect();
        if let Some(places) = &mut census.places {
            places.sort_unstable_by_key(|place| place.first_page);
        }
        Ok(census)
    }
}
