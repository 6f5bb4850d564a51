//! Words of goroutine stacks that hold pointers.
//!
//! Running goroutines are left out: where they are is in registers. So are those that run while their
//! stack is read: its words are no longer those that the maps of frames tell of. amd64 only.

use super::frames::Pointer;
use super::module::Module;
use crate::go::Table;
use crate::go::runtime::{
    Arch, Blocks, Doubt, Globals, Memory, ObjectLayout, Parked, SAVED_CONTEXT, Stack, Unwinder,
};

/// Bytes of one stack, and of all.
pub(super) const MAX_STACK: u64 = 1 << 20;
const MAX_BYTES: u64 = 256 << 20;
/// Bytes of maps that are read.
const MAX_MAPS: u64 = 256 << 20;
/// Pointers that are remembered, 32 bytes each.
const MAX_WORDS: usize = 1 << 19;

/// What was found on all stacks.
#[derive(Debug, Default)]
pub(super) struct Stacks {
    /// Where each goroutine is described, dead ones included.
    pub(super) addresses: Vec<u64>,
    /// Those whose stacks were read.
    pub(super) goroutines: Vec<Parked>,
    /// Pointers in their frames.
    pub(super) words: Vec<Word>,
    /// Goroutines that were running, or too many.
    pub(super) left_out: u64,
    /// None was read.
    pub(super) not_read: bool,
    /// Some pointers were left out.
    pub(super) capped: bool,
}

impl Stacks {
    fn add(&mut self, word: Word) {
        if self.words.len() < MAX_WORDS {
            self.words.push(word);
        } else {
            self.capped = true;
        }
    }
}

/// A pointer that a goroutine holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub(super) value: u64,
    /// Where it is.
    pub(super) place: u64,
    /// A call in the function whose frame that is.
    pub(super) pc: u64,
    /// Which of those that were read.
    pub(super) goroutine: u32,
}

/// What is needed to read frames.
pub(super) struct Reader<'m, M: ?Sized> {
    pub(super) memory: &'m M,
    pub(super) table: &'m Table,
    pub(super) module: &'m Module,
    pub(super) layout: &'m ObjectLayout,
    pub(super) bias: u64,
    /// Frames are laid out as on amd64.
    pub(super) amd64: bool,
}

impl<M: Memory + ?Sized> Reader<'_, M> {
    /// Reads the stacks of all goroutines that wait, for the pointers that are `wanted`.
    pub(super) fn read(
        &self,
        globals: &Globals,
        wanted: impl Fn(u64) -> bool,
    ) -> Result<Stacks, Doubt> {
        let mut stacks = Stacks::default();
        self.list(globals, &mut stacks)?;
        if !self.amd64 {
            stacks.not_read = true;
            return Ok(stacks);
        }
        let mut blocks = Blocks::new(self.memory, MAX_MAPS);
        let mut unwinder = Unwinder::new(self.table, self.bias, Arch::Amd64);
        let mut left = MAX_BYTES;
        for index in 0..stacks.goroutines.len() {
            let goroutine = stacks.goroutines[index];
            let number = index as u32;
            let (low, high) = (goroutine.sp, goroutine.stack.1);
            let length = high - low;
            if length > MAX_STACK || length > left {
                stacks.left_out += 1;
                continue;
            }
            left -= length;
            let Some(bytes) = goroutine.used(self.memory, globals, MAX_STACK) else {
                stacks.left_out += 1;
                continue;
            };
            if wanted(goroutine.context) {
                stacks.add(Word {
                    value: goroutine.context,
                    place: goroutine.address + SAVED_CONTEXT,
                    pc: goroutine.start,
                    goroutine: number,
                });
            }
            let stack = Stack {
                start: low,
                bytes: &bytes,
            };
            let found = self.walk(&goroutine, stack, &mut unwinder, &mut blocks);
            found.each(stack, |Pointer { value, at, pc }| {
                if wanted(value) {
                    stacks.add(Word {
                        value,
                        place: at,
                        pc,
                        goroutine: number,
                    });
                }
            });
        }
        Ok(stacks)
    }
}
