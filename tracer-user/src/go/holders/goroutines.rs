//! The goroutines of a program, and where those that wait go on.

use std::collections::HashMap;

use super::stacks::{Reader, Stacks};
use crate::go::runtime::{
    Doubt, Globals, Memory, Parked, described, each, is_runtime_function, status,
};

/// Goroutines whose stacks are read.
const MAX_GOROUTINES: usize = 100_000;

/// Places for goroutines that are remembered, dead ones included; a list may claim any number.
const MAX_LISTED: usize = 1 << 20;

/// Functions that goroutines begin with; there are few.
const MAX_STARTS: usize = 1 << 16;

impl<M: Memory + ?Sized> Reader<'_, M> {
    /// Lists all goroutines, and where those that do not run go on.
    pub(super) fn list(&self, globals: &Globals, stacks: &mut Stacks) -> Result<(), Doubt> {
        let fields = globals.layout.g;
        let list = self.memory.slice(globals.all_gs);
        let list = list.ok_or(Doubt::NotFound("list of goroutines (allgs)"))?;
        let size = described(globals);
        let mut begins_in_runtime = HashMap::new();
        each(self.memory, list, 1, size, |at, g| {
            if stacks.addresses.len() < MAX_LISTED {
                stacks.addresses.push(at);
            }
            // Idle, dead, or kept for a thread of C.
            if matches!(status(globals, g), 0 | 6 | 11) {
                return;
            }
            let start = g.u64(fields.start_pc);
            let known = begins_in_runtime.get(&start).copied();
            let skipped = known.unwrap_or_else(|| self.is_runtime(start));
            if begins_in_runtime.len() < MAX_STARTS {
                begins_in_runtime.insert(start, skipped);
            }
            if skipped {
                return;
            }
            let Some(goroutine) = Parked::read(globals, at, g) else {
                stacks.left_out += 1;
                return;
            };
            if stacks.goroutines.len() < MAX_GOROUTINES {
                stacks.goroutines.push(goroutine);
            } else {
                stacks.left_out += 1;
            }
        })?;
        Ok(())
    }

    fn is_runtime(&self, start: u64) -> bool {
        let frames = self.table.lookup(start.wrapping_sub(self.bias));
        frames
            .last()
            .is_none_or(|frame| is_runtime_function(&frame.function))
    }
}
