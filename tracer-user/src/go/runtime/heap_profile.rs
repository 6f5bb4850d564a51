//! The heap profile that the runtime keeps: allocations it sampled, by stack.
//!
//! ```text
//! mbuckets ─▶ bucket ─allnext─▶ bucket ─▶ … ─▶ 0
//!               header: size, depth │ stack: return addresses │ record: active, future[3]
//! ```
//!
//! The list only grows at its head; a bucket never moves and its header never changes. Counts
//! reach `active` when a collection publishes its cycle. What is read here is what `runtime/pprof`
//! would write at that moment, and nothing when two looks in a row do not agree.

mod bucket;
mod calls;
mod layout;
#[cfg(test)]
mod tests;

use std::ops::Range;

use tracer_core::event::HeapCount;

use super::blocks::Blocks;
use super::memory::{Memory, Unreadable};
use crate::go::Binary;
use bucket::{Header, Record, read_stack};
use layout::{FUTURES, Layout};

pub use calls::{Call, Caller, push, together};

/// Buckets that are read, at the most: the runtime's own table has 179 999 chains.
const MAX_BUCKETS: usize = 200_000;
/// Words of all stacks together: 32 MiB.
const MAX_STACK_WORDS: usize = 4 << 20;
/// Bytes that are read for one look: three times what the most buckets take.
const BUDGET: u64 = 256 << 20;
/// Looks until two in a row agree. A collection publishes its counts within a few milliseconds.
const ATTEMPTS: usize = 40;

/// Where the runtime keeps its heap profile: addresses in the process.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Places {
    /// `runtime.mbuckets`: the newest bucket.
    pub buckets: u64,
    /// `runtime.mProfCycle`, before Go 1.19 `runtime.mProf`.
    pub cycle: u64,
    /// `runtime.MemProfileRate`.
    pub rate: u64,
    /// The locks around it, where they are known: a word each, 0 while nobody holds it.
    pub locks: Vec<u64>,
}

/// The heap profile of a process, at the moment of its last completed collection.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HeapProfile {
    /// Bytes between two samples, on average (`runtime.MemProfileRate`).
    pub rate: u64,
    /// The collection that published it, as the profiler counts; it begins anew at some time.
    pub cycle: u64,
    /// Of all buckets, newest first.
    buckets: Vec<Bucket>,
    stacks: Vec<u64>,
}

/// What was sampled at one stack in objects of one size.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bucket {
    /// Its address: while the process runs no other bucket will have it.
    pub id: u64,
    /// Bytes of an object, rounded up to what the allocator gives.
    pub size: u64,
    /// Objects sampled, and how many of these were freed.
    pub counts: Counts,
    stack: Range<usize>,
}

/// Samples of objects.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// That were allocated.
    pub allocs: u64,
    /// That were freed.
    pub frees: u64,
}

/// Why there is no heap profile.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The layout of this release is not known.
    #[error("the heap profile of Go 1.{0} is laid out in an unknown way")]
    UnknownRelease(u32),
    /// The process is gone, or the addresses are wrong.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// No release of Go writes this.
    #[error("the heap profile is damaged: {0}")]
    Damaged(&'static str),
    /// It is larger than what is read of any.
    #[error("the heap profile is too large: more than {0}")]
    TooLarge(&'static str),
    /// It changed each time it was looked at.
    #[error("the heap profile did not hold still: {0}")]
    Torn(&'static str),
}

/// Whether the linker has dropped the function that hands the profile out: then it sets the rate
/// to 0 (`cmd/link/internal/ld/lib.go`, Go 1.17).
#[must_use]
pub fn is_linked_out(binary: &Binary, minor: u32) -> bool {
    let name = match minor {
        ..=16 => return false,
        17..=22 => "runtime.MemProfile",
        _ => "runtime.memProfileInternal",
    };
    let table = binary.table.as_ref().filter(|table| !table.is_obfuscated());
    table.is_some_and(|table| table.function_range(name).is_none())
}

impl HeapProfile {
    /// Reads the profile of a process whose runtime is that of Go 1.`minor`.
    ///
    /// `pause` is called between two looks while the profile changes.
    ///
    /// # Errors
    /// When it cannot be read, or does not look like a profile of this release.
    pub fn read(
        memory: &impl Memory,
        places: &Places,
        minor: u32,
        mut pause: impl FnMut(),
    ) -> Result<Self, Error> {
        let layout = Layout::of(minor).ok_or(Error::UnknownRelease(minor))?;
        let mut last = Err(Error::Torn("a collection is under way"));
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                pause();
            }
            match Self::look_twice(memory, places, layout) {
                Err(Error::Torn(why)) => last = Err(Error::Torn(why)),
                done => return done,
            }
        }
        last
    }

    /// The buckets, newest first, with their stacks.
    #[must_use]
    pub fn buckets(&self) -> impl ExactSizeIterator<Item = (&Bucket, &[u64])> {
        self.buckets
            .iter()
            .map(|bucket| (bucket, &self.stacks[bucket.stack.clone()]))
    }

    /// A profile, or `Torn` when something was being published meanwhile.
    fn look_twice(memory: &impl Memory, places: &Places, layout: Layout) -> Result<Self, Error> {
        let before = Moment::read(memory, places, layout)?;
        let first = List::read(memory, places, layout)?;
        // Publishing moves counts bucket by bucket, and some of it leaves the cycle as it is.
        let second = List::read(memory, places, layout)?;
        let after = Moment::read(memory, places, layout)?;
        if before != after {
            return Err(Error::Torn("a collection was completed"));
        }
        let settled = first.published(before.cycle);
        let newer = second.records.len().saturating_sub(settled.len());
        if second.published(before.cycle)[newer..] != settled {
            return Err(Error::Torn("counts were being published"));
        }
        let counts = second.as_pprof(before.cycle);
        let buckets = second.headers.iter().zip(counts);
        Ok(Self {
            rate: before.rate,
            cycle: before.cycle,
            buckets: buckets
                .map(|((id, header, stack), counts)| Bucket {
                    id: *id,
                    size: header.size,
                    counts,
                    stack: stack.clone(),
                })
                .collect(),
            stacks: second.stacks,
        })
    }
}

impl Bucket {
    /// What was counted, as the engine takes it.
    #[must_use]
    pub fn event(&self) -> HeapCount {
        let Counts { allocs, frees } = self.counts;
        HeapCount {
            id: self.id,
            allocs,
            frees,
            alloc_bytes: allocs.saturating_mul(self.size),
            free_bytes: frees.saturating_mul(self.size),
        }
    }
}

impl Counts {
    fn is_zero(self) -> bool {
        self == Self::default()
    }

    fn plus(self, other: Self) -> Self {
        Self {
            allocs: self.allocs.wrapping_add(other.allocs),
            frees: self.frees.wrapping_add(other.frees),
        }
    }
}

/// What says whether something changed.
#[derive(Debug, Eq, PartialEq)]
struct Moment {
    cycle: u64,
    rate: u64,
}

impl Moment {
    fn read(memory: &impl Memory, places: &Places, layout: Layout) -> Result<Self, Error> {
        for lock in &places.locks {
            if memory.word(*lock)? != 0 {
                return Err(Error::Torn("the profiler's lock is held"));
            }
        }
        let mut cycle = [0; 4];
        memory.read(places.cycle, &mut cycle)?;
        Ok(Self {
            cycle: u64::from(u32::from_le_bytes(cycle) >> layout.cycle_shift),
            rate: memory.word(places.rate)?,
        })
    }
}

/// All buckets, as one look saw them.
#[derive(Debug, Default)]
struct List {
    headers: Vec<(u64, Header, Range<usize>)>,
    records: Vec<Record>,
    stacks: Vec<u64>,
}

impl List {
    fn read(memory: &impl Memory, places: &Places, layout: Layout) -> Result<Self, Error> {
        let mut blocks = Blocks::new(memory, BUDGET);
        let mut list = Self::default();
        let mut address = memory.word(places.buckets)?;
        // A bucket seen a while ago: who meets it again goes round.
        let mut landmark = 0;
        while address != 0 {
            let count = list.headers.len();
            if address == landmark {
                return Err(Error::Damaged("a list without end"));
            }
            if count.is_power_of_two() {
                landmark = address;
            }
            if count == MAX_BUCKETS {
                return Err(Error::TooLarge("200000 buckets"));
            }
            if address % 8 != 0 {
                return Err(Error::Damaged("a bucket that is not aligned"));
            }
            let header = Header::read(&mut blocks, address, layout)?;
            let start = list.stacks.len();
            if start + header.depth > MAX_STACK_WORDS {
                return Err(Error::TooLarge("32 MiB of stacks"));
            }
            read_stack(&mut blocks, address, header.depth, &mut list.stacks)?;
            if !header.is_of(&list.stacks[start..]) {
                return Err(Error::Damaged("a stack under the hash of another"));
            }
            let record = Record::read(&mut blocks, address, &header, layout)?;
            list.headers
                .push((address, header, start..list.stacks.len()));
            list.records.push(record);
            address = header.next;
        }
        Ok(list)
    }

    /// What is published, and what the runtime would publish first.
    fn published(&self, cycle: u64) -> Vec<Counts> {
        let due = (cycle % FUTURES) as usize;
        let counts = self.records.iter();
        counts
            .map(|record| record.active.plus(record.future[due]))
            .collect()
    }

    /// The counts that `runtime.MemProfile` tells: before the first collection, all there are.
    fn as_pprof(&self, cycle: u64) -> Vec<Counts> {
        let published = self.published(cycle);
        if !published.iter().all(|counts| counts.is_zero()) {
            return published;
        }
        let all = |record: &Record| {
            let futures = record.future.iter();
            futures.fold(record.active, |sum, future| sum.plus(*future))
        };
        self.records.iter().map(all).collect()
    }
}
