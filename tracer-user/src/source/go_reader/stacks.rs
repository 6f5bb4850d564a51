//! Stacks that were read from the memory of the process: told once, named by a hash, as those are
//! that the kernel side takes.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use tracer_core::event::{EventKind, GoroutineWait, StackId, StackTrace};
use tracer_core::ledger::symbols::wanted_symbols;

use super::runtime::Found;
use crate::go::runtime::{Kind, Wait};

/// Stacks that are told of one program; what waits on further ones is left out.
const MAX_TOLD: usize = 16_384;

/// What was told.
#[derive(Default)]
pub(super) struct Stacks {
    /// Its key is random, so that no program can choose what its stacks are called.
    hasher: RandomState,
    told: HashSet<StackId>,
}

impl Stacks {
    /// Tells the stacks that are new, and calls all by their names.
    pub(super) fn tell(
        &mut self,
        waits: BTreeMap<Kind, Vec<Wait>>,
        found: &mut Found,
    ) -> BTreeMap<Kind, Vec<GoroutineWait>> {
        let mut named = BTreeMap::new();
        for (kind, waits) in waits {
            let waits = waits.into_iter().filter_map(|Wait { addresses, count }| {
                let stack = self.name(addresses, found)?;
                Some(GoroutineWait { stack, count })
            });
            named.insert(kind, waits.collect());
        }
        named
    }

    fn name(&mut self, addresses: Vec<u64>, found: &mut Found) -> Option<StackId> {
        let id = StackId(self.hasher.hash_one(&addresses).max(1));
        if self.told.contains(&id) {
            return Some(id);
        }
        if self.told.len() >= MAX_TOLD {
            return None;
        }
        self.told.insert(id);
        let stack = StackTrace {
            id,
            addresses,
            leaf_word: None,
            recovered_at: None,
            truncated: false,
        };
        for (address, is_return) in wanted_symbols(&stack) {
            found.ask(address, is_return);
        }
        found.events.push(EventKind::Stack(stack));
        Some(id)
    }
}
