//! Words of goroutine stacks that hold pointers, as the collector's own maps of frames tell.
//!
//! A dead slot of a frame points to what was there before, so without a map nothing is believed.
//! Running goroutines are left out: where they are is in registers. amd64 only.

use std::ops::Range;

use super::goroutines::Goroutine;
use super::module::Module;
use super::roots::Root;
use crate::go::Table;
use crate::go::runtime::{Blocks, Doubt, Globals, Memory, ObjectLayout, Record};

/// Bytes of one stack, and of all.
const MAX_STACK: u64 = 1 << 20;
const MAX_BYTES: u64 = 256 << 20;
/// Frames of one stack.
const MAX_FRAMES: usize = 4096;
/// Words that a map tells of, and variables of a frame whose address is taken.
const MAX_WORDS: u32 = 1 << 14;
const MAX_OBJECTS: u64 = 256;
/// Bytes of maps that are read.
const MAX_MAPS: u64 = 256 << 20;

/// What was found on all stacks.
#[derive(Debug, Default)]
pub(super) struct Stacks {
    /// Where each goroutine is described, dead ones included.
    pub(super) addresses: Vec<u64>,
    /// Those whose stacks were read.
    pub(super) goroutines: Vec<Goroutine>,
    /// Pointers, and where they were.
    pub(super) words: Vec<(u64, Root)>,
    /// Goroutines that were running, or too many.
    pub(super) left_out: u64,
    /// None was read.
    pub(super) not_read: bool,
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
    /// Reads the stacks of all goroutines that wait.
    pub(super) fn read(&self, globals: &Globals) -> Result<Stacks, Doubt> {
        let mut stacks = Stacks::default();
        self.list(globals, &mut stacks)?;
        if !self.amd64 {
            stacks.not_read = true;
            return Ok(stacks);
        }
        let mut blocks = Blocks::new(self.memory, MAX_MAPS);
        let mut left = MAX_BYTES;
        for index in 0..stacks.goroutines.len() {
            let goroutine = stacks.goroutines[index];
            let number = index as u32;
            let root = Root::Frame {
                goroutine: number,
                pc: goroutine.start,
            };
            if goroutine.context != 0 {
                stacks.words.push((goroutine.context, root));
            }
            let (low, high) = (goroutine.sp, goroutine.stack.1);
            let length = high - low;
            if length > MAX_STACK || length > left {
                stacks.left_out += 1;
                continue;
            }
            left -= length;
            let mut bytes = vec![0; length as usize];
            if self.memory.read(low, &mut bytes).is_ok() {
                let stack = Stack {
                    start: low,
                    bytes: &bytes,
                };
                self.walk(number, &goroutine, stack, &mut blocks, &mut stacks.words);
            }
        }
        Ok(stacks)
    }

    /// Follows the frames of one stack, from the innermost on.
    fn walk(
        &self,
        number: u32,
        goroutine: &Goroutine,
        stack: Stack<'_>,
        blocks: &mut Blocks<'_, M>,
        words: &mut Vec<(u64, Root)>,
    ) {
        let (mut sp, mut pc) = (goroutine.sp, goroutine.pc.wrapping_sub(self.bias));
        let (mut pointers, mut variables) = (Vec::new(), Vec::new());
        for _ in 0..MAX_FRAMES {
            // Where a goroutine begins the entry stands for the call.
            let is_entry = self.table.function_entry(pc) == Some(pc);
            let call = pc.wrapping_sub(u64::from(!is_entry));
            let depth = self
                .table
                .stack_depth(pc)
                .or_else(|| self.table.stack_depth(call));
            let Some(depth) = depth else { break };
            let Some(fp) = sp.checked_add(u64::from(depth) + 8) else {
                break;
            };
            if fp > goroutine.stack.1 {
                break;
            }
            let place = call.wrapping_add(self.bias);
            self.frame(
                call,
                place,
                sp..fp,
                blocks,
                &stack,
                &mut pointers,
                &mut variables,
            );
            let Some(next) = stack.word(fp - 8) else {
                break;
            };
            (sp, pc) = (fp, next.wrapping_sub(self.bias));
        }
        Self::settle(number, stack, pointers, variables, words);
    }

    /// The pointers of one frame, and its variables whose address is taken.
    #[expect(clippy::too_many_arguments, reason = "what is read and what is found")]
    fn frame(
        &self,
        call: u64,
        place: u64,
        frame: Range<u64>,
        blocks: &mut Blocks<'_, M>,
        stack: &Stack<'_>,
        pointers: &mut Vec<(u64, u64)>,
        variables: &mut Vec<Variable>,
    ) {
        let Some(maps) = self.table.stack_maps(call) else {
            return;
        };
        let base = if maps.relative {
            self.module.gofunc
        } else {
            self.bias
        };
        let at = |offset: Option<u64>| offset.map(|offset| offset.wrapping_add(base));
        let mut take = |first: u64, bits: &[u8], count: u32| {
            for index in 0..count {
                let byte = bits.get(index as usize / 8).copied().unwrap_or(0);
                let word = stack.word(first.wrapping_add(u64::from(index) * 8));
                let value = word.filter(|value| *value != 0 && byte >> (index % 8) & 1 == 1);
                pointers.extend(value.map(|value| (value, place)));
            }
        };
        // The return address, and below it, in a frame that is not empty, the frame pointer.
        let mut top = frame.end - 8;
        if top > frame.start {
            top -= 8;
        }
        if top > frame.start
            && let Some((bits, count)) = bitmap(blocks, at(maps.locals), maps.index)
        {
            take(top.wrapping_sub(u64::from(count) * 8), &bits, count);
        }
        if let Some((bits, count)) = bitmap(blocks, at(maps.arguments), maps.index) {
            take(frame.end, &bits, count);
        }
        self.variables(blocks, at(maps.objects), top, frame.end, place, variables);
    }

    /// `stackObjectRecord` in `runtime/stack.go`.
    fn variables(
        &self,
        blocks: &mut Blocks<'_, M>,
        list: Option<u64>,
        top: u64,
        arguments: u64,
        place: u64,
        variables: &mut Vec<Variable>,
    ) {
        let Some(list) = list else { return };
        let mut count = [0; 8];
        if blocks.read(list, &mut count).is_err() {
            return;
        }
        let size = self.layout.stack_object;
        for index in 0..u64::from_le_bytes(count).min(MAX_OBJECTS) {
            let mut bytes = [0; 16];
            if blocks
                .read(list.wrapping_add(8 + index * size), &mut bytes)
                .is_err()
            {
                return;
            }
            let record = Record(&bytes);
            let (offset, bytes) = if self.layout.stack_objects_sized {
                (
                    i64::from(record.u32(0) as i32),
                    u64::from((record.u32(8) as i32).unsigned_abs()),
                )
            } else {
                // `_type.ptrdata`
                let mut pointers = [0; 8];
                if blocks
                    .read(record.u64(8).wrapping_add(8), &mut pointers)
                    .is_err()
                {
                    return;
                }
                (record.u64(0) as i64, u64::from_le_bytes(pointers))
            };
            let from = if offset < 0 { top } else { arguments };
            let start = from.wrapping_add_signed(offset);
            let end = start.wrapping_add(bytes.min(MAX_STACK));
            variables.push(Variable {
                range: start..end,
                place,
            });
        }
    }

    /// Variables live while something points to them: adds what they hold then.
    fn settle(
        number: u32,
        stack: Stack<'_>,
        mut pointers: Vec<(u64, u64)>,
        mut variables: Vec<Variable>,
        words: &mut Vec<(u64, Root)>,
    ) {
        while let Some((value, pc)) = pointers.pop() {
            if value < stack.start || value - stack.start >= stack.bytes.len() as u64 {
                words.push((
                    value,
                    Root::Frame {
                        goroutine: number,
                        pc,
                    },
                ));
                continue;
            }
            // A pointer to the stack says that the variable there is in use.
            let found = variables
                .iter()
                .position(|variable| variable.range.contains(&value));
            let Some(variable) = found.map(|index| variables.swap_remove(index)) else {
                continue;
            };
            let places = variable.range.step_by(8);
            let values = places.filter_map(|at| stack.word(at));
            pointers.extend(
                values
                    .filter(|value| *value != 0)
                    .map(|value| (value, variable.place)),
            );
        }
    }
}

/// A variable on a stack.
struct Variable {
    range: Range<u64>,
    place: u64,
}

/// The used part of a stack.
#[derive(Clone, Copy)]
struct Stack<'b> {
    start: u64,
    bytes: &'b [u8],
}

impl Stack<'_> {
    fn word(&self, address: u64) -> Option<u64> {
        let at = usize::try_from(address.checked_sub(self.start)?).ok()?;
        crate::go::bytes::u64_at(self.bytes, at)
    }
}

/// The bits of a `stackmap`, and how many.
fn bitmap<M: Memory + ?Sized>(
    blocks: &mut Blocks<'_, M>,
    map: Option<u64>,
    index: u32,
) -> Option<(Vec<u8>, u32)> {
    let map = map?;
    let mut header = [0; 8];
    blocks.read(map, &mut header).ok()?;
    let header = Record(&header);
    let (maps, count) = (header.u32(0), header.u32(4));
    if index >= maps || !(1..=MAX_WORDS).contains(&count) {
        return None;
    }
    let length = u64::from(count.div_ceil(8));
    let mut bits = vec![0; length as usize];
    blocks
        .read(map.wrapping_add(8 + u64::from(index) * length), &mut bits)
        .ok()?;
    Some((bits, count))
}
