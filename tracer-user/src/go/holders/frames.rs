//! The frames of one stack: which of their words hold pointers, as the collector's own maps tell.
//!
//! A dead slot of a frame points to what was there before, so without a map nothing is believed.

use std::ops::Range;

use super::stacks::{MAX_STACK, Reader};
use crate::go::runtime::{Blocks, Frame, Memory, Parked, Record, Stack, Unwinder};

/// Frames of one stack.
const MAX_FRAMES: usize = 4096;
/// Words that a map tells of, and variables of a frame whose address is taken.
const MAX_BITS: u32 = 1 << 14;
const MAX_OBJECTS: u64 = 256;
/// Pointers of one stack, as many as the largest that is read has words: the maps of frames, which
/// the program brings along, may claim any number.
const MAX_POINTERS: usize = 1 << 17;
/// Variables of one stack whose address is taken.
const MAX_VARIABLES: usize = 1 << 12;

impl<M: Memory + ?Sized> Reader<'_, M> {
    /// Follows the frames of one stack, from the innermost on.
    pub(super) fn walk(
        &self,
        goroutine: &Parked,
        stack: Stack<'_>,
        unwinder: &mut Unwinder<'_>,
        blocks: &mut Blocks<'_, M>,
    ) -> Frames {
        let mut found = Frames::default();
        for Frame { call, range, .. } in unwinder.frames(goroutine, stack).take(MAX_FRAMES) {
            self.frame(call, range, blocks, stack, &mut found);
        }
        found
    }

    /// The pointers of one frame, and its variables whose address is taken.
    fn frame(
        &self,
        call: u64,
        frame: Range<u64>,
        blocks: &mut Blocks<'_, M>,
        stack: Stack<'_>,
        found: &mut Frames,
    ) {
        let pc = call.wrapping_add(self.bias);
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
                let at = first.wrapping_add(u64::from(index) * 8);
                if let Some(value) = stack.word(at).filter(|_| byte >> (index % 8) & 1 == 1) {
                    found.add_pointer(Pointer { value, at, pc });
                }
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
        let list = at(maps.objects);
        self.variables(blocks, list, [top, frame.end], |range| {
            found.add_variable(Variable { range, pc });
        });
    }

    /// `stackObjectRecord` in `runtime/stack.go`.
    fn variables(
        &self,
        blocks: &mut Blocks<'_, M>,
        list: Option<u64>,
        [top, arguments]: [u64; 2],
        mut take: impl FnMut(Range<u64>),
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
            take(start..end);
        }
    }
}

/// What was found in the frames of a stack: pointers, and variables that are in use while something
/// points to them.
#[derive(Debug, Default)]
pub(super) struct Frames {
    pointers: Vec<Pointer>,
    /// Pointers so far, those that were looked at included.
    met: usize,
    variables: Vec<Variable>,
}

impl Frames {
    fn add_pointer(&mut self, pointer: Pointer) {
        if pointer.value != 0 && self.met < MAX_POINTERS {
            self.pointers.push(pointer);
            self.met += 1;
        }
    }

    fn add_variable(&mut self, variable: Variable) {
        if self.variables.len() < MAX_VARIABLES {
            self.variables.push(variable);
        }
    }

    /// Hands on the pointers that lead out of the stack, with those of the variables in use.
    pub(super) fn each(mut self, stack: Stack<'_>, mut take: impl FnMut(Pointer)) {
        while let Some(pointer) = self.pointers.pop() {
            let value = pointer.value;
            if value < stack.start || value - stack.start >= stack.bytes.len() as u64 {
                take(pointer);
                continue;
            }
            // A pointer to the stack says that the variable there is in use.
            let mut variables = self.variables.iter();
            let Some(index) = variables.position(|variable| variable.range.contains(&value)) else {
                continue;
            };
            let Variable { range, pc } = self.variables.swap_remove(index);
            for at in range.step_by(8) {
                if let Some(value) = stack.word(at) {
                    self.add_pointer(Pointer { value, at, pc });
                }
            }
        }
    }
}

/// A pointer in a frame: what it is, where, and a call in the frame's function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pointer {
    pub(super) value: u64,
    pub(super) at: u64,
    pub(super) pc: u64,
}

/// A variable on a stack, and a call in the function that it is of.
#[derive(Debug)]
struct Variable {
    range: Range<u64>,
    pc: u64,
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
    if index >= maps || !(1..=MAX_BITS).contains(&count) {
        return None;
    }
    let length = u64::from(count.div_ceil(8));
    let mut bits = vec![0; length as usize];
    blocks
        .read(map.wrapping_add(8 + u64::from(index) * length), &mut bits)
        .ok()?;
    Some((bits, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 0x1000;

    const fn pointer(value: u64) -> Pointer {
        Pointer {
            value,
            at: 0,
            pc: 1,
        }
    }

    const fn variable(range: Range<u64>) -> Variable {
        Variable { range, pc: 2 }
    }

    #[track_caller]
    fn check(pointers: &[u64], variables: &[(u64, u64)], expected: &[u64]) {
        let words = [0_u64, 7, START + 32, 9, 8, 0];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut frames = Frames::default();
        for value in pointers {
            frames.add_pointer(pointer(*value));
        }
        for (start, end) in variables {
            frames.add_variable(variable(START + start..START + end));
        }
        let stack = Stack {
            start: START,
            bytes: &bytes,
        };
        let mut found = Vec::new();
        frames.each(stack, |pointer| found.push(pointer.value));
        found.sort_unstable();
        assert_eq!(found, expected, "{pointers:?} {variables:?}");
    }

    #[test]
    fn a_variable_counts_while_something_points_to_it() {
        check(&[], &[(8, 24)], &[]);
        check(&[5, 0, 6], &[(8, 24)], &[5, 6]);
        check(&[START + 8], &[(8, 24)], &[7]);
        // By way of another variable; each once.
        check(&[START + 16, START + 8], &[(8, 24), (32, 48)], &[7, 8]);
        // What lies beyond the stack is not there.
        check(&[START + 32], &[(32, 1 << 20)], &[8]);
    }

    #[test]
    fn what_is_claimed_is_bounded() {
        let bytes: Vec<u8> = [START; 64]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        let mut frames = Frames::default();
        for _ in 0..2 * MAX_POINTERS {
            frames.add_pointer(pointer(START));
            frames.add_variable(variable(START..START + 512));
        }
        let counts = (frames.pointers.len(), frames.variables.len());
        assert_eq!(counts, (MAX_POINTERS, MAX_VARIABLES));
        let stack = Stack {
            start: START,
            bytes: &bytes,
        };
        frames.each(stack, |_| unreachable!("nothing leads out"));
    }
}
