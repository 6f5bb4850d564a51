//! Where the resident memory of a Go process is: objects, free heap, stacks, the runtime, the rest.
//!
//! ```text
//! census (which pages are whose) ─┐
//! pagemap (which are resident) ───┼▶ GoResidency
//! smaps (the other mappings) ─────┘
//! ```

use std::ops::Range;

use tracer_core::event::{Backing, GoResidency, MappingUse};

use super::layout::PAGE;
use super::reading::Heap;
use super::spans::{ARENA, Place, Use};

mod pagemap;

pub(crate) use pagemap::Pagemap;
pub use pagemap::present;

/// What is known of a process at one instant.
#[derive(Clone, Copy, Debug)]
pub struct Known<'k> {
    /// Its heap, read with places.
    pub heap: &'k Heap,
    /// `/proc/PID/smaps`.
    pub mappings: &'k [MappingUse],
    /// The pages of [`heap_ranges`] that are resident, as ranges in order; `None` where they are not
    /// told.
    pub present: Option<&'k [Range<u64>]>,
    /// Path of the executable, as its mappings name it.
    pub exe: &'k str,
}

/// Shares out resident anonymous memory; `None` when the census has no places.
///
/// Objects in a span are taken as spread evenly over its pages. Live is the share of them that the
/// last collection marked; what was allocated since is taken for garbage, which only the next one
/// can tell. Anonymous mappings outside the heap that no library and no
/// `brk` made are the runtime's, smallest first, up to what it says that it has; the rest is native.
#[must_use]
pub fn residency(known: &Known<'_>) -> Option<GoResidency> {
    let census = &known.heap.census;
    let places = census.places.as_deref()?;
    let heap = Within::heap(known, places);
    let lazy = heap_mappings(known).map(|mapping| mapping.lazy_free.unwrap_or_default());
    // Only free heap is given back, but the list of mappings is of another moment.
    let lazy: u64 = lazy.sum();
    let free = heap.room + heap.free;
    let live = u128::from(known.heap.counters.heap_marked.min(census.object_bytes));
    let all = u128::from(census.object_bytes.max(1));
    let live = (u128::from(heap.objects) * live / all) as u64;
    let others = Others::of(known);
    let counters = &known.heap.counters;
    let says = [
        counters.mspan_sys,
        counters.mcache_sys,
        counters.buck_hash_sys,
        counters.gc_sys,
        counters.other_sys,
    ];
    let runtime = others.runtime(says.iter().fold(0, |sum, bytes| bytes.saturating_add(sum)));
    Some(GoResidency {
        heap_live: live,
        heap_dead: heap.objects - live,
        heap_free: free.saturating_sub(lazy),
        stacks: heap.stacks,
        runtime: others.variables + runtime,
        native: others.native + others.unnamed() - runtime,
        by_page: known.present.is_some(),
        jitter: known.heap.jitter + lazy.saturating_sub(free),
    })
}

/// The mappings whose pages [`residency`] wants to know of, in order.
#[must_use]
pub fn heap_ranges(heap: &Heap, mappings: &[MappingUse]) -> Vec<Range<u64>> {
    let arenas = &heap.census.arenas;
    let inside = mappings.iter().flat_map(|found| {
        let mapping = &found.mapping;
        let range = mapping.start..mapping.end;
        let resident = is_anonymous(found) && found.anonymous > 0;
        let first = arenas.partition_point(|arena| arena.saturating_add(ARENA) <= range.start);
        let arenas = arenas.get(first..).unwrap_or_default().iter();
        arenas
            .take_while(move |_| resident)
            .take_while(move |arena| **arena < mapping.end)
            .map(move |arena| {
                let end = arena.saturating_add(ARENA).min(mapping.end);
                (*arena).max(mapping.start)..end
            })
    });
    inside.collect()
}

/// Resident bytes within the heap.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Within {
    objects: u64,
    /// In spans with objects, but in no object.
    room: u64,
    stacks: u64,
    /// In no span.
    free: u64,
}

impl Within {
    fn heap(known: &Known<'_>, places: &[Place]) -> Self {
        match known.present {
            Some(present) => Self::by_page(present, places),
            None => Self::by_mapping(known, places),
        }
    }

    /// Both are in order, so that one pass over each will do.
    fn by_page(present: &[Range<u64>], places: &[Place]) -> Self {
        let (mut sums, mut at) = (Self::default(), 0);
        for run in present {
            let mut used = 0;
            while let Some(place) = places.get(at) {
                let range = bytes(place);
                if range.start >= run.end {
                    break;
                }
                let resident = range
                    .end
                    .min(run.end)
                    .saturating_sub(range.start.max(run.start));
                sums.add(place, resident);
                used += resident;
                if range.end > run.end {
                    break;
                }
                at += 1;
            }
            sums.free += (run.end - run.start).saturating_sub(used);
        }
        sums
    }

    /// What is in use is taken for resident as far as there is resident memory.
    fn by_mapping(known: &Known<'_>, places: &[Place]) -> Self {
        let mut full = Self::default();
        for place in places {
            let range = bytes(place);
            full.add(place, range.end - range.start);
        }
        let resident =
            heap_mappings(known).fold(0_u64, |sum, found| sum.saturating_add(found.anonymous));
        let used = full.objects + full.room + full.stacks;
        let share = |part: u64| {
            let taken = u128::from(used.min(resident));
            (u128::from(part) * taken / u128::from(used.max(1))) as u64
        };
        Self {
            objects: share(full.objects),
            room: share(full.room),
            stacks: share(full.stacks),
            free: resident.saturating_sub(used),
        }
    }

    fn add(&mut self, place: &Place, resident: u64) {
        match place.used {
            Use::Manual => self.stacks += resident,
            Use::Objects => {
                let objects = resident * u64::from(place.full) / 255;
                self.objects += objects;
                self.room += resident - objects;
            }
        }
    }
}

fn bytes(place: &Place) -> Range<u64> {
    let start = place.first_page * PAGE;
    start..start.saturating_add(u64::from(place.pages) * PAGE)
}

fn heap_mappings<'k>(known: &Known<'k>) -> impl Iterator<Item = &'k MappingUse> {
    let arenas = &known.heap.census.arenas;
    let all = known.mappings.iter();
    all.filter(move |found| is_anonymous(found) && is_heap(found, arenas))
}

fn is_heap(found: &MappingUse, arenas: &[u64]) -> bool {
    let first = arenas.partition_point(|arena| arena.saturating_add(ARENA) <= found.mapping.start);
    arenas
        .get(first)
        .is_some_and(|arena| *arena < found.mapping.end)
}

fn is_anonymous(found: &MappingUse) -> bool {
    let named_by_go = |name: &str| name.is_empty() || name.starts_with("[anon: Go:");
    matches!(&found.mapping.backing, Backing::Anonymous { name } if named_by_go(name))
}

/// Resident anonymous bytes outside the heap.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Others {
    /// Of the executable's own variables.
    variables: u64,
    /// Of mappings that Go named as its own.
    named: u64,
    /// Of each mapping that has no name.
    nameless: Vec<u64>,
    /// Of libraries, of `brk`, of the main thread's stack.
    native: u64,
}

impl Others {
    fn of(known: &Known<'_>) -> Self {
        let (mut sums, mut end_of_exe) = (Self::default(), 0);
        for found in known.mappings {
            let bytes = found.anonymous;
            let mapping = &found.mapping;
            match &mapping.backing {
                Backing::File { path, .. } if path == known.exe => {
                    sums.variables += bytes;
                    end_of_exe = mapping.end;
                }
                _ if is_anonymous(found) && is_heap(found, &known.heap.census.arenas) => {}
                // Variables without a value in the file follow those with one.
                Backing::Anonymous { name } if name.is_empty() && mapping.start == end_of_exe => {
                    sums.variables += bytes;
                }
                Backing::Anonymous { name } if name.is_empty() => {
                    let lazy = found.lazy_free.unwrap_or_default();
                    sums.nameless.push(bytes.saturating_sub(lazy));
                }
                Backing::Anonymous { name } if name.starts_with("[anon: Go:") => {
                    sums.named += bytes;
                }
                Backing::File { .. } | Backing::Anonymous { .. } => sums.native += bytes,
            }
        }
        sums.nameless.sort_unstable();
        sums
    }

    /// What may be the runtime's or not.
    fn unnamed(&self) -> u64 {
        self.named + self.nameless.iter().sum::<u64>()
    }

    /// The runtime's part of it, which says that it has `says` bytes.
    fn runtime(&self, says: u64) -> u64 {
        let mut taken = self.named;
        for bytes in &self.nameless {
            if taken + bytes > says {
                break;
            }
            taken += bytes;
        }
        taken
    }
}

#[cfg(test)]
mod tests;
