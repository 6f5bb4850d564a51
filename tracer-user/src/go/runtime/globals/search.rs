//! Candidates for the place of a variable.

use std::cell::OnceCell;

use tracer_core::event::FoundBy;

use super::super::code;
use super::super::memory::{Memory, Slice};
use super::super::program::Program;

/// Bytes of variables that are searched for shapes, and read at once.
const MAX_SEARCHED: u64 = 64 << 20;
const CHUNK: usize = 1 << 20;

/// What looks like a slice and is looked at; a large program has some ten thousand.
const MAX_SLICES: usize = 1 << 17;

/// A variable, and how it was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) found_by: FoundBy,
}

/// A program and its memory, in which variables are searched.
#[derive(Debug)]
pub(super) struct Search<'a, M: ?Sized> {
    program: &'a Program,
    bias: u64,
    memory: &'a M,
    slices: OnceCell<Vec<u64>>,
}

impl<'a, M: Memory + ?Sized> Search<'a, M> {
    pub(super) fn new(program: &'a Program, bias: u64, memory: &'a M) -> Self {
        Self {
            program,
            bias,
            memory,
            slices: OnceCell::new(),
        }
    }

    /// The variable of this name, else the one of whose fields `function` refers to all `offsets`.
    /// `verified` says what a candidate is, if it is one. Two different ones are none.
    pub(super) fn find<T: Copy + PartialEq>(
        &self,
        name: &str,
        function: &str,
        offsets: &[u64],
        verified: impl Fn(u64) -> Option<T>,
    ) -> Option<Found<T>> {
        if let Some(value) = self.symbol(name).and_then(&verified) {
            let found_by = FoundBy::Symbols;
            return Some(Found { value, found_by });
        }
        let candidates = code::bases(&self.references(function), offsets);
        only(candidates.into_iter().filter_map(verified))
    }

    /// The variable that begins with a slice like the one that `verified` knows.
    pub(super) fn by_shape<T: Copy + PartialEq>(
        &self,
        verified: impl Fn(u64) -> Option<T>,
    ) -> Option<Found<T>> {
        let slices = self.slices.get_or_init(|| self.slices());
        only(slices.iter().filter_map(|at| verified(*at)))
    }

    /// Where the variable of this name is.
    pub(super) fn symbol(&self, name: &str) -> Option<u64> {
        let address = self.program.symbol(name)?.wrapping_add(self.bias);
        self.is_variable(address).then_some(address)
    }

    /// The variables that a function refers to, in the order of its code.
    pub(super) fn references(&self, function: &str) -> Vec<u64> {
        let all = self.program.references(function).iter();
        all.map(|address| address.wrapping_add(self.bias))
            .filter(|address| self.is_variable(*address))
            .collect()
    }

    fn is_variable(&self, address: u64) -> bool {
        let linked = address.wrapping_sub(self.bias);
        let mut all = self.program.writable.iter();
        all.any(|range| range.contains(&linked))
    }

    /// Addresses of all that looks like a slice.
    fn slices(&self) -> Vec<u64> {
        let (mut found, mut left) = (Vec::new(), MAX_SEARCHED);
        let mut chunk = vec![0; CHUNK];
        for range in &self.program.writable {
            let start = range.start.checked_next_multiple_of(8);
            let mut at = start.unwrap_or(range.end).min(range.end);
            while at < range.end && left > 0 && found.len() < MAX_SLICES {
                let len = (range.end - at).min(CHUNK as u64).min(left);
                let bytes = &mut chunk[..len as usize];
                let address = at.wrapping_add(self.bias);
                if self.memory.read(address, bytes).is_ok() {
                    collect_slices(address, bytes, &mut found);
                }
                // One that crosses the end of a chunk begins again in the next.
                let next = if len == CHUNK as u64 { len - 16 } else { len };
                (at, left) = (at + next, left.saturating_sub(len));
            }
        }
        found
    }
}

fn collect_slices(address: u64, bytes: &[u8], found: &mut Vec<u64>) {
    let (words, _) = bytes.as_chunks::<8>();
    for (index, window) in words.windows(3).enumerate() {
        let [pointer, len, capacity] = [0, 1, 2].map(|at| u64::from_le_bytes(window[at]));
        if found.len() < MAX_SLICES && Slice::plausible(pointer, len, capacity).is_some() {
            found.push(address.wrapping_add(index as u64 * 8));
        }
    }
}

/// The value that all candidates agree on.
fn only<T: Copy + PartialEq>(mut candidates: impl Iterator<Item = T>) -> Option<Found<T>> {
    let value = candidates.next()?;
    let found_by = FoundBy::Code;
    candidates
        .all(|other| other == value)
        .then_some(Found { value, found_by })
}
