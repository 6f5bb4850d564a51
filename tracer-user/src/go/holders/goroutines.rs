//! The goroutines of a program, and where those that wait go on.

use std::collections::HashMap;

use super::stacks::{Reader, Stacks};
use crate::go::runtime::{Doubt, Globals, Memory, Record, each, is_runtime_function};

/// Goroutines whose stacks are read.
const MAX_GOROUTINES: usize = 100_000;

/// `g.sched.sp`; `g.sched.pc` follows, and `g.sched.ctxt` two words later. The same in all releases.
const SAVED_SP: u64 = 56;
const SAVED_CONTEXT: u64 = SAVED_SP + 24;

/// A goroutine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Goroutine {
    /// The function that it began with, and where it was created.
    pub(super) start: u64,
    pub(super) created_at: u64,
    /// The ends of its stack.
    pub(super) stack: (u64, u64),
    /// Where it goes on.
    pub(super) sp: u64,
    pub(super) pc: u64,
    /// The closure that it begins with, until it does.
    pub(super) context: u64,
}

impl<M: Memory + ?Sized> Reader<'_, M> {
    /// Lists all goroutines, and where those that do not run go on.
    pub(super) fn list(&self, globals: &Globals, stacks: &mut Stacks) -> Result<(), Doubt> {
        let fields = globals.layout.g;
        let list = self.memory.slice(globals.all_gs);
        let list = list.ok_or(Doubt::NotFound("list of goroutines (allgs)"))?;
        let size = fields.start_pc.max(fields.creator_pc).max(fields.size) as usize;
        let mut begins_in_runtime = HashMap::new();
        each(self.memory, list, 1, size, |at, g| {
            stacks.addresses.push(at);
            let status = g.u32(fields.status) & !0x1000;
            // Idle, dead, or kept for a thread of C.
            if matches!(status, 0 | 6 | 11) {
                return;
            }
            let start = g.u64(fields.start_pc);
            let skipped = *begins_in_runtime
                .entry(start)
                .or_insert_with(|| self.is_runtime(start));
            if skipped {
                return;
            }
            let Some(goroutine) = self.saved(globals, g, status) else {
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

    /// Where a goroutine goes on; `None` while it runs.
    fn saved(&self, globals: &Globals, g: Record<'_>, status: u32) -> Option<Goroutine> {
        let fields = globals.layout.g;
        let stack = (g.u64(fields.stack_lo), g.u64(fields.stack_hi));
        let at = match status {
            1 | 4 | 9 | 10 => SAVED_SP,
            3 => self.layout.g_syscall_sp,
            _ => return None,
        };
        let (sp, pc) = (g.u64(at), g.u64(at + 8));
        let inside = (stack.0..stack.1).contains(&sp) && sp.is_multiple_of(8);
        inside.then(|| Goroutine {
            start: g.u64(fields.start_pc),
            created_at: g.u64(fields.creator_pc),
            stack,
            sp,
            pc,
            context: g.u64(SAVED_CONTEXT),
        })
    }

    fn is_runtime(&self, start: u64) -> bool {
        let frames = self.table.lookup(start.wrapping_sub(self.bias));
        frames
            .last()
            .is_none_or(|frame| is_runtime_function(&frame.function))
    }
}
