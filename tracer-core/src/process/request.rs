//! What would be worth a closer look, for whoever feeds the engine.

use super::Process;
use crate::event::HeapProfiling;
use crate::rules::heap_grows;

/// So many sockets opened and not closed make their openers interesting.
const KEPT_SOCKETS: u64 = 3;
/// So many goroutines more make their creators interesting.
const MORE_GOROUTINES: u64 = 20;

/// So many looks in a row must each find more before it is said that something keeps growing: of as many
/// numbers at random one series in 120 rises all the way.
const RISING_READINGS: usize = 5;

/// So much more live heap makes who allocates interesting, ...
const MORE_HEAP: u64 = 1 << 20;
/// ... when so many collections were seen.
const FEW_COLLECTIONS: u64 = 3;

/// What the engine asks of whoever feeds it. A replay has nothing to give.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Request {
    /// Watch who creates goroutines.
    WatchCreators,
    /// Watch who allocates.
    WatchAllocations,
    /// Do not: the program itself keeps a heap profile.
    LeaveAllocations,
}

/// What grows and grows, so that a watch may cost the target something.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct KeepsGrowing {
    /// Open sockets, or goroutines.
    pub creators: bool,
    /// The live heap.
    pub heap: bool,
}

impl Process {
    /// What keeps growing: for once a second.
    #[must_use]
    pub fn keeps_growing(&self) -> KeepsGrowing {
        let sockets = self
            .sockets
            .keeps_rising(RISING_READINGS, KEPT_SOCKETS, |reading| reading.open);
        let goroutines =
            self.go
                .counters()
                .keeps_rising(RISING_READINGS, MORE_GOROUTINES, |counters| {
                    counters.goroutines
                });
        KeepsGrowing {
            creators: sockets || goroutines,
            heap: heap_grows(self),
        }
    }

    /// What it would be worth to look at more closely now.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        let sockets_stay = self.descriptors.kept() >= KEPT_SOCKETS;
        let goroutines = self.go.goroutines();
        let goroutines_grow = goroutines.is_some_and(|censuses| {
            let before = censuses.before().map_or(u64::MAX, |before| before.total);
            censuses.last().total >= before.saturating_add(MORE_GOROUTINES)
        });
        let watched = self.creators.watch().is_some();
        let wanted = self.is_go() && !watched && (sockets_stay || goroutines_grow);
        let creators = wanted.then_some(Request::WatchCreators);
        creators
            .into_iter()
            .chain(self.allocation_request())
            .collect()
    }

    /// Who allocates is worth a look where the program does not tell, and the live heap grows.
    fn allocation_request(&self) -> Option<Request> {
        let watch = self.allocations.watch();
        match self.go.runtime()?.heap_profile? {
            HeapProfiling::On => watch
                .is_some_and(|watch| watch.watching)
                .then_some(Request::LeaveAllocations),
            HeapProfiling::Off | HeapProfiling::LinkedOut => {
                let after_gc = self.go.after_gc();
                let live = after_gc.first().zip(after_gc.last());
                let more = live.map_or(0, |(first, last)| last.live.saturating_sub(first.live));
                let grows = after_gc.seen() >= FEW_COLLECTIONS && more >= MORE_HEAP;
                (watch.is_none() && grows).then_some(Request::WatchAllocations)
            }
        }
    }

    /// Whether to look who holds the heap: it can be told and nobody has looked; and unless
    /// `always`, the heap grows, which takes a while to tell.
    #[must_use]
    pub fn wants_holders(&self, always: bool) -> bool {
        let can_be_told = self.go.holders().is_none() && self.go.spans().seen() > 0;
        can_be_told && (always || heap_grows(self))
    }
}
