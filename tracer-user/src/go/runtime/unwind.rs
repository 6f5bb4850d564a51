//! The frames of a stack, as the runtime's own traces find them: by how deep each function stands.

use std::collections::HashMap;
use std::ops::Range;

use super::layout::Arch;
use super::parked::Parked;
use crate::go::Table;
use crate::go::bytes::u64_at;

/// Addresses whose functions are remembered: 2 MiB.
const MAX_KNOWN: usize = 1 << 16;

/// Finds the frames of one stack after the other.
#[derive(Debug)]
pub struct Unwinder<'t> {
    table: &'t Table,
    bias: u64,
    arch: Arch,
    /// The same functions wait on many stacks.
    known: HashMap<u64, Option<Place>>,
}

/// A place in a function, by link-time addresses.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// In the call that goes on there.
    call: u64,
    /// Bytes from the stack pointer to the end of the frame.
    depth: u64,
}

/// A frame of a stack.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::go) struct Frame {
    /// Where it goes on, as the process counts.
    pub(in crate::go) pc: u64,
    /// An address in the call that it waits for, as the linker counts.
    pub(in crate::go) call: u64,
    /// Its part of the stack, the return address of amd64 included.
    pub(in crate::go) range: Range<u64>,
}

/// The used part of a stack, or the beginning of that.
#[derive(Clone, Copy, Debug)]
pub(in crate::go) struct Stack<'b> {
    pub(in crate::go) start: u64,
    pub(in crate::go) bytes: &'b [u8],
}

impl Stack<'_> {
    pub(in crate::go) fn word(&self, address: u64) -> Option<u64> {
        let at = usize::try_from(address.checked_sub(self.start)?).ok()?;
        u64_at(self.bytes, at)
    }
}

impl<'t> Unwinder<'t> {
    /// For a program with these functions, to whose link-time addresses `bias` was added.
    #[must_use]
    pub fn new(table: &'t Table, bias: u64, arch: Arch) -> Self {
        Self {
            table,
            bias,
            arch,
            known: HashMap::new(),
        }
    }

    /// The frames of a goroutine that waits, from the innermost on, as far as its stack was read.
    pub(in crate::go) fn frames<'u>(
        &'u mut self,
        goroutine: &Parked,
        stack: Stack<'u>,
    ) -> impl Iterator<Item = Frame> + use<'u, 't> {
        let end = goroutine.stack.1;
        let mut next = Some((goroutine.sp, goroutine.pc));
        std::iter::from_fn(move || {
            let (sp, pc) = next.take()?;
            let Place { call, depth } = self.place(pc.wrapping_sub(self.bias))?;
            // What calls pushes its return address on amd64, and on arm64 who is called saves it
            // at the bottom of its own frame.
            let (top, caller) = match self.arch {
                Arch::Amd64 => (sp.checked_add(depth)?.checked_add(8)?, sp + depth),
                Arch::Arm64 => (sp.checked_add(depth)?, sp),
            };
            if top > end || top == sp {
                return None;
            }
            next = stack.word(caller).map(|pc| (top, pc));
            Some(Frame {
                pc,
                call,
                range: sp..top,
            })
        })
    }

    fn place(&mut self, pc: u64) -> Option<Place> {
        if let Some(known) = self.known.get(&pc) {
            return *known;
        }
        // Where a goroutine begins the entry stands for the call.
        let is_entry = self.table.function_entry(pc) == Some(pc);
        let call = pc.wrapping_sub(u64::from(!is_entry));
        let depth = self.table.stack_depth(pc);
        let depth = depth.or_else(|| self.table.stack_depth(call));
        let place = depth.map(|depth| Place {
            call,
            depth: depth.into(),
        });
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        self.known.insert(pc, place);
        place
    }
}
