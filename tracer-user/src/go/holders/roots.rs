//! Where the search ends: words from which the collector itself begins.

use std::collections::{HashMap, HashSet};

use super::objects::{Kept, Objects};
use super::stacks::Stacks;
use crate::go::runtime::{Globals, Memory, ObjectLayout};

/// Words that are remembered, 16 bytes each.
pub(super) const MAX_WORDS: usize = 1 << 20;

/// More processors than any machine has, and goroutines that are told apart.
const MAX_LISTED: u64 = 1 << 20;

/// Where a `sync.Pool` has its objects (`sync/pool.go`).
const POOL_ARRAYS: [u64; 2] = [0, 16];

/// What keeps an object without being one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Root {
    /// A word of a package variable.
    Variable(u64),
    /// The timers of the runtime.
    Timer,
    /// A word in a frame of a goroutine: which of those that were read.
    Frame(u32),
    /// The object's own finalizer, which this function is.
    Finalizer(u64),
    /// Something that is to be done when another object is gone.
    Cleanup(u64),
    /// A finalizer that waits for its turn.
    Queued(u64),
}

/// How much a root explains. A goroutine that works on an object does not own it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Strength {
    Lasting,
    Frame,
    Finalizer,
}

impl Root {
    pub(super) fn strength(self) -> Strength {
        match self {
            Self::Variable(_) | Self::Timer | Self::Cleanup(_) | Self::Queued(_) => {
                Strength::Lasting
            }
            Self::Frame(_) => Strength::Frame,
            Self::Finalizer(_) => Strength::Finalizer,
        }
    }
}

/// All roots, by what they point to.
#[derive(Debug, Default)]
pub(super) struct Roots {
    /// In the order of the addresses that they point to.
    words: Vec<(u64, Root)>,
    /// Objects that are a root by what they are.
    inside: HashMap<u64, Root>,
    /// Objects with a finalizer: what they point to stays until it has run.
    finalizers: HashMap<u64, Root>,
    /// Objects of the runtime that own nothing: processors, goroutines, pools.
    pub(super) never: HashSet<u64>,
    /// Some were left out.
    pub(super) capped: bool,
}

impl Roots {
    pub(super) fn add(&mut self, value: u64, root: Root) {
        if self.words.len() < MAX_WORDS {
            self.words.push((value, root));
        } else {
            self.capped = true;
        }
    }

    /// Brings them into order, after all were added.
    pub(super) fn seal(&mut self) {
        self.words.sort_unstable_by_key(|(value, _)| *value);
    }

    /// The roots that point into an object, or that it is.
    pub(super) fn of(&self, base: u64, size: u64) -> impl Iterator<Item = Root> {
        let first = self.words.partition_point(|(value, _)| *value < base);
        let words = self.words[first..].iter();
        let pointing = words.take_while(move |(value, _)| value - base < size);
        let inside = self.inside.get(&base).copied();
        inside.into_iter().chain(pointing.map(|(_, root)| *root))
    }

    /// The finalizer that keeps what the object at `base` points to.
    pub(super) fn finalizer(&self, base: u64) -> Option<Root> {
        self.finalizers.get(&base).copied()
    }

    /// What processors hold: timers are roots, all else is the runtime's own.
    pub(super) fn add_processors<M: Memory + ?Sized>(
        &mut self,
        objects: &Objects<'_, M>,
        memory: &M,
        globals: &Globals,
        layout: &ObjectLayout,
    ) {
        let Some(all) = memory.slice(globals.all_ps) else {
            return;
        };
        for index in 0..all.len.min(MAX_LISTED) {
            let Ok(p) = memory.word(all.pointer.wrapping_add(index * 8)) else {
                continue;
            };
            self.never.extend(objects.object(p).map(|(base, _)| base));
            let timers = layout
                .p_timers
                .and_then(|at| memory.word(p.wrapping_add(at)).ok());
            if let Some((base, _)) = timers.and_then(|at| objects.object(at)) {
                self.inside.insert(base, Root::Timer);
            }
        }
    }

    /// Frames of goroutines; what describes a goroutine owns nothing.
    pub(super) fn add_goroutines<M: Memory + ?Sized>(
        &mut self,
        objects: &Objects<'_, M>,
        stacks: &mut Stacks,
    ) {
        let addresses = std::mem::take(&mut stacks.addresses);
        let bases = addresses.iter().filter_map(|g| objects.object(*g));
        self.never.extend(bases.map(|(base, _)| base));
        self.capped |= stacks.capped;
        for (number, word) in (0..).zip(&stacks.words) {
            self.add(word.value, Root::Frame(number));
        }
    }

    /// What finalizers and cleanups keep.
    pub(super) fn add_kept(&mut self, kept: &[(u64, Kept)]) {
        for (base, kept) in kept {
            match *kept {
                Kept::Finalizer(function) => {
                    self.add(function, Root::Cleanup(function));
                    self.finalizers.insert(*base, Root::Finalizer(function));
                }
                Kept::Cleanup(word) => self.add(word, Root::Cleanup(word)),
                Kept::Sampled(_) => {}
            }
        }
    }

    /// What lies in a `sync.Pool` stays only until the collector wants it.
    pub(super) fn add_pools<M: Memory + ?Sized>(
        &mut self,
        objects: &Objects<'_, M>,
        memory: &M,
        lists: &[u64],
    ) {
        for list in lists.iter().filter_map(|at| memory.slice(*at)) {
            for index in 0..list.len.min(MAX_LISTED) {
                let Ok(pool) = memory.word(list.pointer.wrapping_add(index * 8)) else {
                    break;
                };
                // `local` and `victim`.
                for at in POOL_ARRAYS {
                    let array = memory.word(pool.wrapping_add(at)).ok();
                    let object = array.and_then(|array| objects.object(array));
                    self.never.extend(object.map(|(base, _)| base));
                }
            }
        }
    }
}
