//! What a hostile process could have in its memory, for tests: the same few words everywhere.

#![expect(clippy::unreachable, reason = "tests")]

use std::cell::Cell;

use proptest::prelude::*;
use tracer_core::event::FoundBy;

use super::{Arch, Globals, Layout, Memory, Profile, Unreadable};

/// All pointers lead somewhere, lists never end.
pub(in crate::go) struct Forged {
    words: Vec<u64>,
    left: Cell<usize>,
}

impl Forged {
    /// So many bytes may be read, as a budget allows a process.
    pub(in crate::go) fn new(words: Vec<u64>, budget: usize) -> Self {
        let left = Cell::new(budget);
        Self { words, left }
    }

    /// So many bytes more.
    pub(in crate::go) fn refill(&self, budget: usize) {
        self.left.set(budget);
    }
}

impl Memory for Forged {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        let length = into.len();
        let left = self.left.get().checked_sub(length);
        self.left.set(left.ok_or(Unreadable { address, length })?);
        for (index, byte) in into.iter_mut().enumerate() {
            let at = address.wrapping_add(index as u64);
            let word = self.words[(at / 8) as usize % self.words.len()];
            *byte = word.to_le_bytes()[(at % 8) as usize];
        }
        Ok(())
    }
}

/// What a forger would write: small numbers, places, absurd lengths, noise.
pub(in crate::go) fn word() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..20_u64,
        (0..1_u64 << 20).prop_map(|page| page * 8192),
        (0..64_u64).prop_map(|bit| 1 << bit),
        Just(u64::MAX),
        Just(0x0001_0101_0101_0101),
        any::<u64>(),
    ]
}

/// Variables of a release, each somewhere.
pub(in crate::go) fn globals(minor: u32) -> Globals {
    Globals {
        layout: Layout::of(minor, Arch::Amd64).unwrap_or_else(|| unreachable!()),
        found_by: FoundBy::Symbols,
        heap: 0x1000,
        stats: 0x20_0000,
        controller: Some(0x40_0000),
        gc_percent: Some(0x50_0000),
        all_gs: 0x60_0008,
        all_ps: 0x70_0010,
        sched: Some(0x80_0000),
        gc_phase: None,
        profile: Profile::default(),
        finalizer_queue: vec![0x10, 0x18],
        pools: vec![0x20],
    }
}
