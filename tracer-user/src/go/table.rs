//! pclntab, the table with which the Go runtime itself prints stacks: every Go executable has it.
//!
//! ```text
//! pc ─▶ function table ─▶ _func ─▶ name
//!                           ├────▶ pc tables: stack depth, file, line, inlined call
//!                           └────▶ function data: array of inlined calls
//! ```

#[cfg(test)]
mod damage;
mod frames;
mod layout;
mod locate;
mod pc_value;

use std::borrow::Cow;
use std::ops::Range;

pub use frames::{Frame, Frames};

use super::bytes::{i32_at, string_at, u8_at, u32_at, u64_at};
use layout::Layout;
use pc_value::{Budget, pc_value};

/// Generic instances and deep closures have names of some hundred bytes, files paths of 4096.
const MAX_NAME: usize = 4096;

/// A function data offset that means "none".
const NO_DATA: u32 = u32::MAX;

/// The functions, lines and inlined calls of one executable.
///
/// All pcs are link-time addresses. What is looked up is decoded where it lies.
#[derive(Debug)]
pub struct Table {
    layout: Layout,
    /// From the header to the end of what was found, relocated to base 0.
    bytes: Box<[u8]>,
    /// Smallest instruction: all pc steps are multiples of it.
    quantum: u32,
    /// Added to the pcs of the function table.
    text: u64,
    count: usize,
    parts: Parts,
    inlined: Option<InlinedCalls>,
}

/// Offsets of the parts from the header.
#[derive(Clone, Copy, Debug, Default)]
struct Parts {
    names: usize,
    units: usize,
    files: usize,
    pc_tables: usize,
    functions: usize,
}

/// A copy of the part of the file where the arrays of inlined calls lie.
#[derive(Debug)]
struct InlinedCalls {
    bytes: Box<[u8]>,
    /// Function data minus this are offsets in `bytes`.
    base: u64,
}

/// A function's record.
#[derive(Clone, Copy, Debug)]
struct Function {
    entry: u64,
    /// Offset of `_func` in the table.
    record: usize,
}

impl Table {
    /// The frames at `pc`, innermost first, the function itself last; empty outside Go code.
    ///
    /// For a return address pass the address minus one: it belongs to the call before it.
    #[must_use]
    pub fn lookup(&self, pc: u64) -> Vec<Frame<'_>> {
        self.frames(pc).collect()
    }

    /// As [`Table::lookup`], one by one and without allocation.
    #[must_use]
    pub fn frames(&self, pc: u64) -> Frames<'_> {
        Frames::new(self, pc)
    }

    /// Whether the word at the stack pointer is the return address when the thread stands at `pc`.
    ///
    /// True at function entries, in leaves without a frame and before `RET` (amd64).
    #[must_use]
    pub fn frameless(&self, pc: u64) -> bool {
        self.function_at(pc).is_some_and(|function| {
            let field = self.layout.func.sp;
            self.field_value(function, field, pc, &mut Budget::default()) == Some(0)
        })
    }

    /// Addresses of the first instruction and after the last function.
    #[must_use]
    pub fn text_range(&self) -> Range<u64> {
        let end = self.pc(self.count).unwrap_or_default();
        self.pc(0).unwrap_or_default()..end
    }

    /// Number of functions.
    #[must_use]
    pub fn function_count(&self) -> usize {
        self.count
    }

    /// Entry and name of each function, in address order.
    pub fn functions(&self) -> impl Iterator<Item = (u64, Cow<'_, str>)> {
        (0..self.count).filter_map(|index| {
            let function = self.function(index)?;
            Some((function.entry, text(self.function_name(function)?)))
        })
    }

    /// Entry of the function that contains `pc`.
    #[must_use]
    pub fn function_entry(&self, pc: u64) -> Option<u64> {
        Some(self.function_at(pc)?.entry)
    }

    /// Addresses from the entry of the function of this name to the entry of the next one.
    #[must_use]
    pub fn function_range(&self, name: &str) -> Option<Range<u64>> {
        (0..self.count).find_map(|index| {
            let function = self.function(index)?;
            let at = self.name_at(self.name_offset(function)?)?;
            // Compared in place: searching for the end of each name is what takes long.
            let rest = self.bytes.get(at..)?.strip_prefix(name.as_bytes())?;
            (rest.first() == Some(&0)).then_some(function.entry..self.pc(index + 1)?)
        })
    }

    /// The function that contains `pc`.
    fn function_at(&self, pc: u64) -> Option<Function> {
        if !self.text_range().contains(&pc) {
            return None;
        }
        let (mut low, mut high) = (0, self.count);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.pc(middle)? <= pc {
                low = middle;
            } else {
                high = middle;
            }
        }
        self.function(low)
    }

    fn function(&self, index: usize) -> Option<Function> {
        let at = self.functab_at(index)?.checked_add(self.layout.word)?;
        let record = self.parts.functions.checked_add(self.word(at)? as usize)?;
        Some(Function {
            entry: self.pc(index)?,
            record,
        })
    }

    /// Pc of a function table entry; the one after the last is the end of the text.
    fn pc(&self, index: usize) -> Option<u64> {
        self.text.checked_add(self.word(self.functab_at(index)?)?)
    }

    fn functab_at(&self, index: usize) -> Option<usize> {
        let start = match self.layout.parts {
            Some(_) => self.parts.functions,
            None => locate::HEADER_1_2,
        };
        index.checked_mul(2 * self.layout.word)?.checked_add(start)
    }

    fn word(&self, at: usize) -> Option<u64> {
        match self.layout.word {
            8 => u64_at(&self.bytes, at),
            _ => u32_at(&self.bytes, at).map(u64::from),
        }
    }

    fn function_name(&self, function: Function) -> Option<&[u8]> {
        self.name(self.name_offset(function)?)
    }

    fn name_offset(&self, function: Function) -> Option<i32> {
        i32_at(
            &self.bytes,
            function.record.checked_add(self.layout.func.name)?,
        )
    }

    fn name(&self, offset: i32) -> Option<&[u8]> {
        string_at(&self.bytes, self.name_at(offset)?, MAX_NAME).filter(|name| !name.is_empty())
    }

    fn name_at(&self, offset: i32) -> Option<usize> {
        self.parts.names.checked_add(usize::try_from(offset).ok()?)
    }

    /// File `number` as `function`'s tables count files.
    fn file_name(&self, function: Function, number: i32) -> Option<&[u8]> {
        let number = usize::try_from(number).ok()?;
        let at = if let Some(unit) = self.layout.func.unit {
            let unit = u32_at(&self.bytes, function.record.checked_add(unit)?)? as usize;
            let slot = unit
                .checked_add(number)?
                .checked_mul(4)?
                .checked_add(self.parts.units)?;
            let offset = u32_at(&self.bytes, slot)?;
            if offset == NO_DATA {
                return None;
            }
            self.parts.files.checked_add(offset as usize)?
        } else {
            // The first word of the list is its length, so file numbers begin at 1.
            let slot = number.checked_mul(4)?.checked_add(self.parts.files)?;
            u32_at(&self.bytes, slot)? as usize
        };
        string_at(&self.bytes, at, MAX_NAME)
    }

    /// Value at `pc` of the pc table whose offset is in this field of the function's record.
    fn field_value(
        &self,
        function: Function,
        field: usize,
        pc: u64,
        budget: &mut Budget,
    ) -> Option<i32> {
        let offset = u32_at(&self.bytes, function.record.checked_add(field)?)? as usize;
        if offset == 0 {
            return None;
        }
        let table = self
            .bytes
            .get(self.parts.pc_tables.checked_add(offset)?..)?;
        pc_value(table, function.entry, pc, self.quantum, budget)
    }

    /// The innermost inlined call at `pc`.
    fn call_index(&self, function: Function, pc: u64, budget: &mut Budget) -> Option<usize> {
        let layout = &self.layout;
        let count = u32_at(
            &self.bytes,
            function.record.checked_add(layout.func.tables)?,
        )?;
        if layout.call_index >= count {
            return None;
        }
        let field = layout.func.size + layout.call_index as usize * 4;
        usize::try_from(self.field_value(function, field, pc, budget)?).ok()
    }

    /// The array of inlined calls of `function`, with whatever follows it.
    fn calls(&self, function: Function) -> Option<&[u8]> {
        let inlined = self.inlined.as_ref()?;
        let at = self.calls_pointer(function)?.checked_sub(inlined.base)?;
        inlined.bytes.get(usize::try_from(at).ok()?..)
    }

    /// The function data that says where the array of inlined calls is.
    fn calls_pointer(&self, function: Function) -> Option<u64> {
        let Layout {
            func,
            call_array,
            word,
            ..
        } = self.layout;
        if usize::from(u8_at(&self.bytes, function.record.checked_add(func.data)?)?) <= call_array {
            return None;
        }
        let tables = u32_at(&self.bytes, function.record.checked_add(func.tables)?)? as usize;
        let data = function
            .record
            .checked_add(func.size)?
            .checked_add(tables.checked_mul(4)?)?;
        match word {
            8 => u64_at(
                &self.bytes,
                data.checked_next_multiple_of(8)?
                    .checked_add(call_array * 8)?,
            )
            .filter(|pointer| *pointer != 0),
            _ => u32_at(&self.bytes, data.checked_add(call_array * 4)?)
                .filter(|offset| *offset != NO_DATA)
                .map(u64::from),
        }
    }
}

/// The target chose these bytes; whoever prints them escapes them.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
