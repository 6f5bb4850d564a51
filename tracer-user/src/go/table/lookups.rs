//! Lookups of many addresses: all at once, or one by one with a memory.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::Table;
use super::decoded::Decoded;
use super::frames::Frame;
use super::order;
use super::pc_value::Budget;

/// Steps that a batch may take for each address, and for each byte of the table. Real programs take
/// some ten for an address, when most addresses are alone in their function some hundred.
const STEPS_PER_ADDRESS: u64 = 256;
const STEPS_PER_BYTE: u64 = 4;

/// Addresses that are sorted together: 16 MiB.
const SORTED_TOGETHER: usize = 1 << 20;

/// Addresses and frames remembered: 8 MiB.
const MAX_KNOWN: usize = 1 << 17;

/// Bytes of repaired names remembered; the names of real programs need no repair.
const MAX_REPAIRED: usize = 1 << 20;

impl Table {
    /// Calls `visit` with the index of each address and the frames there, as [`Table::lookup`] has them.
    ///
    /// In the order of addresses, whatever order they come in: each function is decoded once. The
    /// work is bounded; a forged table that exceeds the bound leaves files and lines empty.
    pub fn lookup_all<'t>(&'t self, pcs: &[u64], mut visit: impl FnMut(usize, &[Frame<'t>])) {
        let steps = STEPS_PER_ADDRESS * pcs.len() as u64 + STEPS_PER_BYTE * self.bytes.len() as u64;
        let mut budget = Budget::new(steps);
        let (records, text) = (self.records(), self.text_range());
        let mut decoded = Decoded::new(self);
        // The last address, number of its function, and the first address behind that.
        let (mut last, mut index, mut end) = (0, 0, 0);
        let mut look_up = |position: usize, pc: u64| {
            if !text.contains(&pc) {
                return visit(position, &[]);
            }
            if pc < last {
                (index, end) = (0, 0);
            }
            last = pc;
            if pc >= end {
                index = records.index_of(pc, index).unwrap_or(index);
                end = records.pc(index + 1).unwrap_or_default();
            }
            visit(position, decoded.frames(index, pc, &mut budget));
        };
        if pcs.is_sorted() {
            for (position, pc) in pcs.iter().enumerate() {
                look_up(position, *pc);
            }
            return;
        }
        for (chunk, pcs) in pcs.chunks(SORTED_TOGETHER).enumerate() {
            // What lies outside of the text comes last.
            let offsets = pcs.iter().map(|pc| pc.wrapping_sub(text.start));
            let order = order::ascending(offsets.map(|at| u32::try_from(at).unwrap_or(u32::MAX)));
            for position in order {
                let position = position as usize;
                look_up(chunk * SORTED_TOGETHER + position, pcs[position]);
            }
        }
    }

    /// For lookups one by one, when the same addresses or their neighbours come again.
    #[must_use]
    pub fn lookups(&self) -> Lookups<'_> {
        Lookups {
            table: self,
            decoded: Decoded::new(self),
            known: HashMap::default(),
            frames: Vec::new(),
            repaired: 0,
        }
    }
}

/// A memory of what was looked up, and of the function where the last address was.
#[derive(Clone, Debug)]
pub struct Lookups<'t> {
    table: &'t Table,
    decoded: Decoded<'t>,
    /// Where the frames of an address are: from here, so many.
    known: HashMap<u64, (u32, u32), BuildHasherDefault<AddressHasher>>,
    frames: Vec<Frame<'t>>,
    /// Bytes of names among them that are not those of the table.
    repaired: usize,
}

impl<'t> Lookups<'t> {
    /// As [`Table::lookup`].
    pub fn frames(&mut self, pc: u64) -> &[Frame<'t>] {
        if let Some((start, count)) = self.known.get(&pc) {
            return &self.frames[*start as usize..][..*count as usize];
        }
        if self.known.len().max(self.frames.len()) >= MAX_KNOWN || self.repaired > MAX_REPAIRED {
            self.known.clear();
            self.frames.clear();
            self.repaired = 0;
        }
        let text = self.table.text_range();
        let index = text
            .contains(&pc)
            .then(|| self.table.records().index_of(pc, 0));
        let found = match index.flatten() {
            Some(index) => self.decoded.frames(index, pc, &mut Budget::default()),
            None => &[],
        };
        let start = self.frames.len();
        self.known.insert(pc, (start as u32, found.len() as u32));
        self.frames.extend_from_slice(found);
        let added = &self.frames[start..];
        let names = added
            .iter()
            .flat_map(|frame| [&frame.function, &frame.file]);
        self.repaired += names
            .map(|name| match name {
                Cow::Borrowed(_) => 0,
                Cow::Owned(name) => name.len(),
            })
            .sum::<usize>();
        added
    }
}

/// Spreads addresses over a table; who forges addresses only slows down the lookup of their own.
#[derive(Clone, Copy, Debug, Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // The table takes the low bits and the seven highest, and the low ones are mixed least.
        self.0 = mixed ^ (mixed >> 32);
    }
}
