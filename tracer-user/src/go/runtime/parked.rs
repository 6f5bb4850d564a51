//! Goroutines that do not run: where they go on, and their stacks.

use super::globals::Globals;
use super::memory::Memory;
use super::record::Record;

/// `g.sched.sp`; `g.sched.pc` follows, and `g.sched.ctxt` two words later. The same in all releases.
const SAVED_SP: u64 = 56;
pub(in crate::go) const SAVED_CONTEXT: u64 = SAVED_SP + 24;

/// A goroutine that does not run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::go) struct Parked {
    /// Where it is described.
    pub(in crate::go) address: u64,
    /// The function that it began with, and where it was created.
    pub(in crate::go) start: u64,
    pub(in crate::go) created_at: u64,
    /// The ends of its stack.
    pub(in crate::go) stack: (u64, u64),
    /// Where it goes on.
    pub(in crate::go) sp: u64,
    pub(in crate::go) pc: u64,
    /// The closure that it begins with, until it does.
    pub(in crate::go) context: u64,
}

impl Parked {
    /// What a goroutine is by its description; `None` while it runs, and when it has ended.
    pub(in crate::go) fn read(globals: &Globals, address: u64, g: Record<'_>) -> Option<Self> {
        let fields = globals.layout.g;
        let stack = (g.u64(fields.stack_lo), g.u64(fields.stack_hi));
        let at = match status(globals, g) {
            1 | 4 | 9 | 10 => SAVED_SP,
            3 => fields.syscall_sp,
            _ => return None,
        };
        let (sp, pc) = (g.u64(at), g.u64(at + 8));
        let inside = (stack.0..stack.1).contains(&sp) && sp.is_multiple_of(8);
        inside.then(|| Self {
            address,
            start: g.u64(fields.start_pc),
            created_at: g.u64(fields.creator_pc),
            stack,
            sp,
            pc,
            context: g.u64(SAVED_CONTEXT),
        })
    }

    /// The used part of its stack, or the first `limit` bytes of that; `None` if it ran meanwhile.
    pub(in crate::go) fn used<M: Memory + ?Sized>(
        &self,
        memory: &M,
        globals: &Globals,
        limit: u64,
    ) -> Option<Vec<u8>> {
        let mut bytes = vec![0; (self.stack.1 - self.sp).min(limit) as usize];
        memory.read(self.sp, &mut bytes).ok()?;
        if !self.waits_still(memory, globals) {
            return None;
        }
        // It may have run and come back to where it was: then the stack was another in between.
        let mut again = vec![0; bytes.len()];
        memory.read(self.sp, &mut again).ok()?;
        (bytes == again).then_some(bytes)
    }

    /// Whether it waits where it did: else its stack may hold something else by now.
    pub(in crate::go) fn waits_still<M: Memory + ?Sized>(
        &self,
        memory: &M,
        globals: &Globals,
    ) -> bool {
        let mut bytes = vec![0; described(globals)];
        memory.read(self.address, &mut bytes).is_ok()
            && Self::read(globals, self.address, Record(&bytes)) == Some(*self)
    }
}

/// Bytes that are read of what describes a goroutine.
pub(in crate::go) fn described(globals: &Globals) -> usize {
    let fields = globals.layout.g;
    fields.start_pc.max(fields.creator_pc).max(fields.size) as usize
}

/// What it does (`_Gwaiting` and so on), whether or not the collector looks at its stack (`_Gscan`).
pub(in crate::go) fn status(globals: &Globals, g: Record<'_>) -> u32 {
    g.u32(globals.layout.g.status) & !0x1000
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::go::runtime::{Unreadable, forged};

    const G: u64 = 0x1_0000;
    const STACK: (u64, u64) = (0x2_0000, 0x2_0800);
    const SP: u64 = 0x2_0700;
    const WAITING: u32 = 4;
    const RUNNING: u32 = 2;

    /// What a read finds: the status, where the goroutine goes on, and what fills its stack.
    type Moment = (u32, u64, u8);

    /// A goroutine that moves from one read to the next.
    struct Moving<'m> {
        moments: &'m [Moment],
        reads: Cell<usize>,
    }

    impl Memory for Moving<'_> {
        fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
            let (status, sp, fill) = self.moments[self.reads.get()];
            self.reads.set(self.reads.get() + 1);
            into.fill(fill);
            if address == G {
                into.fill(0);
                let fields = forged::globals(26).layout.g;
                let mut put = |at: u64, bytes: &[u8]| {
                    let at = at as usize;
                    into[at..at + bytes.len()].copy_from_slice(bytes);
                };
                put(fields.stack_lo, &STACK.0.to_le_bytes());
                put(fields.stack_hi, &STACK.1.to_le_bytes());
                put(SAVED_SP, &sp.to_le_bytes());
                put(fields.status, &status.to_le_bytes());
            }
            Ok(())
        }
    }

    /// Reads the stack, the goroutine, and the stack again.
    #[track_caller]
    fn check(moments: &[Moment; 3], is_read: bool) {
        let memory = Moving {
            moments,
            reads: Cell::new(0),
        };
        let globals = forged::globals(26);
        let parked = Parked {
            address: G,
            start: 0,
            created_at: 0,
            stack: STACK,
            sp: SP,
            pc: 0,
            context: 0,
        };
        let used = parked.used(&memory, &globals, u64::MAX);
        assert_eq!(used.is_some(), is_read, "{moments:?}");
    }

    #[test]
    fn a_stack_counts_while_its_goroutine_waits() {
        let waits = (WAITING, SP, 7);
        check(&[waits, waits, waits], true);
        check(&[waits, (RUNNING, SP, 7), waits], false);
        // It has woken and waits elsewhere, or the collector has moved its stack.
        check(&[waits, (WAITING, SP + 8, 7), waits], false);
        // It ran, and waits where it did.
        check(&[(RUNNING, SP, 9), waits, waits], false);
    }
}
