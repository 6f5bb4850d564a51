//! Names seen before: finding the end of a name and checking its characters is what takes long.

use std::borrow::Cow;

use super::pc_value::Budget;
use super::text;

/// Names kept, of functions and of files each. Neighbours share their files, and inline the same.
const SLOTS: usize = 512;

/// The bytes of a name that count as one step of a budget.
const BYTES_PER_STEP: usize = 16;

/// The names at some offsets. Where two want one slot, the last one has it.
#[derive(Clone, Debug)]
pub(super) struct Strings<'t>(Vec<Option<(usize, Cow<'t, str>)>>);

impl<'t> Strings<'t> {
    pub(super) fn new() -> Self {
        Self(vec![None; SLOTS])
    }

    /// The name at `offset`, which `read` finds; empty when there is none or no step is left.
    pub(super) fn get(
        &mut self,
        offset: usize,
        budget: &mut Budget,
        read: impl FnOnce() -> Option<&'t [u8]>,
    ) -> Cow<'t, str> {
        // Offsets next to each other get slots apart from each other.
        let hash = (offset as u32).wrapping_mul(0x9e37_79b1) >> 23;
        let slot = &mut self.0[hash as usize % SLOTS];
        if let Some((known, name)) = slot
            && *known == offset
        {
            return name.clone();
        }
        if budget.left() == 0 {
            return Cow::Borrowed("");
        }
        let bytes = read().unwrap_or_default();
        let _ = budget.take((bytes.len() / BYTES_PER_STEP) as u64 + 1);
        slot.insert((offset, text(bytes))).1.clone()
    }
}
