//! From a pc to the calls that are nested there.

use std::borrow::Cow;

use super::layout::Parent;
use super::pc_value::Budget;
use super::{Function, Table, text};
use crate::go::bytes::i32_at;

/// Inlined calls at one pc; the compiler nests some twenty, a forged table for ever.
const MAX_DEPTH: u32 = 100;

/// One call at a pc.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frame<'t> {
    /// Name as pclntab has it: `main.(*T).run.func1`, `main.sum[...]`.
    pub function: Cow<'t, str>,
    /// Source file as the compiler was given it, empty when unknown.
    pub file: Cow<'t, str>,
    /// Source line, 0 when unknown.
    pub line: u32,
    /// Called inline by the next frame.
    pub inlined: bool,
}

/// The calls at a pc, innermost first.
#[derive(Clone, Debug)]
pub struct Frames<'t> {
    table: &'t Table,
    next: Option<Position>,
    budget: Budget,
    depth: u32,
}

/// Where the next frame is read.
#[derive(Clone, Copy, Debug)]
struct Position {
    function: Function,
    pc: u64,
    /// Go 1.11: the call and its place are named by the inner call rather than by a pc.
    named: Option<Named>,
}

#[derive(Clone, Copy, Debug)]
struct Named {
    call: Option<usize>,
    file: i32,
    line: i32,
}

impl<'t> Frames<'t> {
    pub(super) fn new(table: &'t Table, pc: u64) -> Self {
        let next = table.function_at(pc).map(|function| Position {
            function,
            pc,
            named: None,
        });
        Self {
            table,
            next,
            budget: Budget::default(),
            depth: 0,
        }
    }

    /// The inlined call at this position, and the position of its caller.
    fn inlined_call(&mut self, at: Position) -> Option<(&'t [u8], Position)> {
        let table = self.table;
        if self.depth >= MAX_DEPTH {
            return None;
        }
        let calls = table.calls(at.function)?;
        let index = match at.named {
            Some(named) => named.call?,
            None => table.call_index(at.function, at.pc, &mut self.budget)?,
        };
        let call = table.layout.call;
        let start = index.checked_mul(call.size)?;
        let record = calls.get(start..start.checked_add(call.size)?)?;
        let name = table.name(i32_at(record, call.name)?)?;
        let caller = match call.parent {
            Parent::Pc(at_offset) => {
                let offset = u64::try_from(i32_at(record, at_offset)?).ok()?;
                Position {
                    pc: at.function.entry.checked_add(offset)?,
                    ..at
                }
            }
            Parent::Index => {
                let call = usize::try_from(i32_at(record, 0)?).ok();
                let (file, line) = (i32_at(record, 4)?, i32_at(record, 8)?);
                Position {
                    named: Some(Named { call, file, line }),
                    ..at
                }
            }
        };
        Some((name, caller))
    }

    /// File and line of a position.
    fn place(&mut self, at: Position) -> (Cow<'t, str>, u32) {
        let (table, function, fields) = (self.table, at.function, self.table.layout.func);
        let (file, line) = match at.named {
            Some(named) => (Some(named.file), Some(named.line)),
            None => (
                table.field_value(function, fields.file, at.pc, &mut self.budget),
                table.field_value(function, fields.line, at.pc, &mut self.budget),
            ),
        };
        let file = file
            .and_then(|number| table.file_name(function, number))
            .unwrap_or_default();
        let line = line
            .and_then(|line| u32::try_from(line).ok())
            .unwrap_or_default();
        (text(file), line)
    }
}

impl<'t> Iterator for Frames<'t> {
    type Item = Frame<'t>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.next.take()?;
        let (file, line) = self.place(at);
        let (name, inlined) = match self.inlined_call(at) {
            Some((name, caller)) => {
                self.next = Some(caller);
                self.depth += 1;
                (name, true)
            }
            None => (self.table.function_name(at.function).unwrap_or(b"?"), false),
        };
        Some(Frame {
            function: text(name),
            file,
            line,
            inlined,
        })
    }
}
