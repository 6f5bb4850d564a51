//! Where goroutines wait: the stacks of some of each kind.
//!
//! A stack counts if its goroutine still waits there when it has been read, and reads the same again.

use std::collections::BTreeMap;

use super::globals::Globals;
use super::goroutines::{Goroutines, Kind};
use super::memory::Memory;
use super::parked::Parked;
use super::unwind::{Stack, Unwinder};

/// Kinds of goroutines of which some are remembered, and how many of each.
const MAX_KINDS: usize = 1024;
const MAX_OF_KIND: usize = 32;
/// Stacks that are read in one look.
const MAX_STACKS: usize = 1024;
/// Bytes of one stack, from the innermost frame on; most have less in use.
const MAX_BYTES: u64 = 8 << 10;
/// Frames of one stack.
const MAX_FRAMES: usize = 64;

/// A place where goroutines of one kind wait.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wait {
    /// Where they go on, then return addresses, innermost first; cut at the outer end.
    pub addresses: Vec<u64>,
    /// How many, of those whose stacks were read.
    pub count: u64,
}

/// Some of the goroutines of each kind that wait, each with the same chance.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::go) struct Waiting {
    kinds: BTreeMap<Kind, Sample>,
    /// Of all kinds, so that no two choose alike.
    seen: u64,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Sample {
    seen: u64,
    kept: Vec<Parked>,
}

impl Waiting {
    /// Takes one that waits.
    pub(in crate::go) fn add(&mut self, kind: Kind, parked: Parked) {
        if self.kinds.len() >= MAX_KINDS && !self.kinds.contains_key(&kind) {
            return;
        }
        let sample = self.kinds.entry(kind).or_default();
        self.seen += 1;
        sample.seen += 1;
        if sample.kept.len() < MAX_OF_KIND {
            sample.kept.push(parked);
            return;
        }
        // The last of n stays with the chance that it has among n.
        let place = (mixed(self.seen) % sample.seen) as usize;
        if let Some(kept) = sample.kept.get_mut(place) {
            *kept = parked;
        }
    }
}

/// Numbers that look random, the same in each look (`splitmix64`).
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Reads where some of the goroutines of each kind wait. Those that have gone on meanwhile are left
/// out, and what cannot be read.
pub fn read_waits<M: Memory + ?Sized>(
    memory: &M,
    globals: &Globals,
    unwinder: &mut Unwinder<'_>,
    goroutines: &Goroutines,
) -> BTreeMap<Kind, Vec<Wait>> {
    let kinds = &goroutines.waiting.kinds;
    let each = (MAX_STACKS / kinds.len().max(1)).clamp(1, MAX_OF_KIND);
    let mut found = BTreeMap::new();
    for (kind, sample) in kinds {
        let mut places: BTreeMap<Vec<u64>, u64> = BTreeMap::new();
        for parked in sample.kept.iter().take(each) {
            if let Some(addresses) = addresses(memory, globals, unwinder, parked) {
                *places.entry(addresses).or_default() += 1;
            }
        }
        let waits = places.into_iter();
        let waits: Vec<Wait> = waits
            .map(|(addresses, count)| Wait { addresses, count })
            .collect();
        if !waits.is_empty() {
            found.insert(*kind, waits);
        }
    }
    found
}

fn addresses<M: Memory + ?Sized>(
    memory: &M,
    globals: &Globals,
    unwinder: &mut Unwinder<'_>,
    parked: &Parked,
) -> Option<Vec<u64>> {
    let bytes = parked.used(memory, globals, MAX_BYTES)?;
    let stack = Stack {
        start: parked.sp,
        bytes: &bytes,
    };
    let frames = unwinder.frames(parked, stack).take(MAX_FRAMES);
    let addresses: Vec<u64> = frames.map(|frame| frame.pc).collect();
    (!addresses.is_empty()).then_some(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parked(address: u64) -> Parked {
        Parked {
            address,
            start: 0,
            created_at: 0,
            stack: (0, 0),
            sp: 0,
            pc: 0,
            context: 0,
        }
    }

    /// Of each tenth of a hundred thousand there are about as many, over a hundred kinds.
    #[test]
    fn each_has_the_same_chance() {
        let mut waiting = Waiting::default();
        let mut kept = [0_u64; 10];
        for start in 0..100 {
            let kind = Kind {
                created_at: 0,
                start,
                doing: "select",
            };
            for address in 0..1000 + start {
                waiting.add(kind, parked(address * 10 / (1000 + start)));
            }
        }
        for sample in waiting.kinds.values() {
            assert_eq!(sample.kept.len(), MAX_OF_KIND);
            for parked in &sample.kept {
                kept[parked.address as usize] += 1;
            }
        }
        let expected = 100 * MAX_OF_KIND as u64 / 10;
        assert!(
            kept.iter().all(|count| count.abs_diff(expected) < 100),
            "{kept:?}"
        );
    }

    #[test]
    fn kinds_are_bounded() {
        let mut waiting = Waiting::default();
        for start in 0..2 * MAX_KINDS as u64 {
            let kind = Kind {
                created_at: 0,
                start,
                doing: "select",
            };
            waiting.add(kind, parked(0));
        }
        assert_eq!(waiting.kinds.len(), MAX_KINDS);
    }
}
