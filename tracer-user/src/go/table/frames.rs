//! From a pc to the calls that are nested there.

use std::borrow::Cow;

use tracer_core::event::FrameKind;

use super::inlined::{CallRecord, Caller};
use super::pc_value::Budget;
use super::records::Function;
use super::{Table, text};

/// Inlined calls at one pc; the compiler nests some twenty, a forged table for ever.
pub(super) const MAX_DEPTH: usize = 100;

/// A function whose name cannot be read.
pub(super) const NAMELESS: &str = "?";

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
    /// What the function is to a stack trace; `Plain` when the Go version is unknown.
    pub kind: FrameKind,
}

/// The calls at a pc, innermost first.
#[derive(Clone, Debug)]
pub struct Frames<'t> {
    table: &'t Table,
    next: Option<Position>,
    budget: Budget,
    depth: usize,
    /// A call lies in one of a smaller number, or in none.
    below: usize,
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
            below: usize::MAX,
        }
    }

    /// The inlined call at this position: its function's name, its kind, the position of its caller.
    fn inlined_call(&mut self, at: Position) -> Option<(&'t [u8], CallRecord, Position)> {
        let records = self.table.records();
        if self.depth >= MAX_DEPTH {
            return None;
        }
        let calls = self.table.inlined.as_ref()?;
        let index = if let Some(named) = at.named {
            named.call?
        } else {
            let field = records.calls_field(at.function)?;
            let index = records.value(at.function, field, at.pc, &mut self.budget)?;
            usize::try_from(index).ok()?
        };
        // One that the compiler did not mark has its caller at the entry, which may lie in the call
        // itself: there the runtime would go round for ever.
        if index >= self.below {
            return None;
        }
        let call = calls.get(records, at.function, index)?;
        let name = records.name(call.name)?;
        self.below = index;
        let caller = match call.caller {
            Caller::At(offset) => Position {
                pc: at.function.entry.checked_add(offset)?,
                ..at
            },
            Caller::In { call, file, line } => Position {
                named: Some(Named { call, file, line }),
                ..at
            },
        };
        Some((name, call, caller))
    }

    /// File and line of a position.
    fn place(&mut self, at: Position) -> (&'t [u8], u32) {
        let (records, function) = (self.table.records(), at.function);
        let (file, line) = if let Some(named) = at.named {
            (Some(named.file), Some(named.line))
        } else {
            let fields = self.table.shape.layout.func;
            let mut value = |field| records.value(function, field, at.pc, &mut self.budget);
            (value(fields.file), value(fields.line))
        };
        let file = file
            .and_then(|number| records.file_name(records.file_at(function, number)?))
            .unwrap_or_default();
        (file, line_number(line))
    }
}

impl<'t> Iterator for Frames<'t> {
    type Item = Frame<'t>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.next.take()?;
        let table = self.table;
        let (file, line) = self.place(at);
        let (name, kind, inlined) = if let Some((name, call, caller)) = self.inlined_call(at) {
            self.next = Some(caller);
            self.depth += 1;
            (name, call.kind, true)
        } else {
            let records = table.records();
            let name = records.name_offset(at.function);
            let name = name.and_then(|offset| records.name(offset));
            let kind = records.kind_number(at.function);
            (name.unwrap_or(NAMELESS.as_bytes()), kind, false)
        };
        let (function, file) = (text(name), text(file));
        let kind = table.kind(kind, &function, &file);
        Some(Frame {
            function,
            file,
            line,
            inlined,
            kind,
        })
    }
}

/// Tables have -1 where there is no line.
pub(super) fn line_number(value: Option<i32>) -> u32 {
    value
        .and_then(|line| u32::try_from(line).ok())
        .unwrap_or_default()
}
