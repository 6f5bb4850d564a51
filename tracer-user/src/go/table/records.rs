//! The records of pclntab where they lie: function table, `_func`, names, files, pc tables.

use super::layout::Layout;
use super::pc_value::{Budget, Steps};
use crate::go::bytes::{i32_at, string_at, u8_at, u32_at, u64_at};

/// Bytes before the function table up to Go 1.15: magic, sizes, number of functions.
pub(super) const HEADER_1_2: usize = 16;

/// Generic instances and deep closures have names of some hundred bytes, files paths of 4096.
pub(super) const MAX_NAME: usize = 4096;

/// Records begin at multiples of this, whatever the size of a pc.
const RECORD_ALIGNMENT: usize = 8;

/// A function data or file offset that means "none".
const NO_DATA: u32 = u32::MAX;

/// How a table is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) layout: Layout,
    /// Smallest instruction: all pc steps are multiples of it.
    pub(super) quantum: u32,
    /// Added to the pcs of the function table.
    pub(super) text: u64,
    /// Number of functions.
    pub(super) count: usize,
    pub(super) parts: Parts,
}

/// Offsets of the parts from the header.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parts {
    pub(super) names: usize,
    pub(super) units: usize,
    pub(super) files: usize,
    pub(super) pc_tables: usize,
    pub(super) functions: usize,
}

/// A table's bytes, from the header on, and how they are laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Records<'t> {
    pub(super) shape: &'t Shape,
    pub(super) bytes: &'t [u8],
}

/// A function's record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Function {
    /// Address of its first instruction, and of the next function's.
    pub(super) entry: u64,
    pub(super) end: u64,
    /// Offset of `_func` in the table.
    pub(super) record: usize,
}

impl<'t> Records<'t> {
    pub(super) fn function(self, index: usize) -> Option<Function> {
        let at = self
            .functab_at(index)?
            .checked_add(self.shape.layout.word)?;
        let offset = usize::try_from(self.word(at)?).ok()?;
        Some(Function {
            entry: self.pc(index)?,
            end: self.pc(index + 1)?,
            record: self.shape.parts.functions.checked_add(offset)?,
        })
    }

    /// Number of the function that contains `pc`, an address inside the text.
    ///
    /// `from` is the number of a function before it.
    pub(super) fn index_of(self, pc: u64, from: usize) -> Option<usize> {
        if from >= self.shape.count {
            return None;
        }
        let (mut low, mut step) = (from, 1);
        // Most often it is one of the next.
        let mut high = loop {
            let next = low.checked_add(step)?;
            if next >= self.shape.count {
                break self.shape.count;
            }
            if self.pc(next)? > pc {
                break next;
            }
            low = next;
            step *= 2;
        };
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.pc(middle)? <= pc {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(low)
    }

    /// Pc of a function table entry; the one after the last is the end of the text.
    pub(super) fn pc(self, index: usize) -> Option<u64> {
        self.shape
            .text
            .checked_add(self.word(self.functab_at(index)?)?)
    }

    pub(super) fn functab_at(self, index: usize) -> Option<usize> {
        let Shape { layout, parts, .. } = self.shape;
        let start = match layout.parts {
            Some(_) => parts.functions,
            None => HEADER_1_2,
        };
        index.checked_mul(2 * layout.word)?.checked_add(start)
    }

    /// The entry that a function's record has of its own; obfuscators encrypt it.
    pub(super) fn own_entry(self, function: Function) -> Option<u64> {
        self.shape.text.checked_add(self.word(function.record)?)
    }

    fn word(self, at: usize) -> Option<u64> {
        match self.shape.layout.word {
            8 => u64_at(self.bytes, at),
            _ => u32_at(self.bytes, at).map(u64::from),
        }
    }

    pub(super) fn name_offset(self, function: Function) -> Option<i32> {
        i32_at(
            self.bytes,
            function.record.checked_add(self.shape.layout.func.name)?,
        )
    }

    pub(super) fn name(self, offset: i32) -> Option<&'t [u8]> {
        string_at(self.bytes, self.name_at(offset)?, MAX_NAME).filter(|name| !name.is_empty())
    }

    /// The bytes from the start of a name on.
    pub(super) fn name_and_rest(self, offset: i32) -> Option<&'t [u8]> {
        self.bytes.get(self.name_at(offset)?..)
    }

    fn name_at(self, offset: i32) -> Option<usize> {
        self.shape
            .parts
            .names
            .checked_add(usize::try_from(offset).ok()?)
    }

    /// Offset of the name of file `number`, as `function`'s tables count files.
    pub(super) fn file_at(self, function: Function, number: i32) -> Option<usize> {
        let number = usize::try_from(number).ok()?;
        let Shape { layout, parts, .. } = self.shape;
        let Some(unit) = layout.func.unit else {
            // The first word of the list is its length, so file numbers begin at 1.
            let slot = number.checked_mul(4)?.checked_add(parts.files)?;
            return Some(u32_at(self.bytes, slot)? as usize);
        };
        let unit = u32_at(self.bytes, function.record.checked_add(unit)?)? as usize;
        let slot = unit
            .checked_add(number)?
            .checked_mul(4)?
            .checked_add(parts.units)?;
        let offset = u32_at(self.bytes, slot).filter(|offset| *offset != NO_DATA)?;
        parts.files.checked_add(offset as usize)
    }

    /// The name of a file at this offset.
    pub(super) fn file_name(self, at: usize) -> Option<&'t [u8]> {
        string_at(self.bytes, at, MAX_NAME)
    }

    /// The pc table whose offset is in this field of the function's record.
    pub(super) fn steps(self, function: Function, field: usize) -> Option<Steps<'t>> {
        let offset = u32_at(self.bytes, function.record.checked_add(field)?)? as usize;
        if offset == 0 {
            return None;
        }
        let start = self.shape.parts.pc_tables.checked_add(offset)?;
        Some(Steps::new(self.bytes.get(start..)?, self.shape.quantum))
    }

    /// Value of such a table at an address, `None` outside of the function.
    pub(super) fn value(
        self,
        function: Function,
        field: usize,
        pc: u64,
        budget: &mut Budget,
    ) -> Option<i32> {
        if pc >= function.end {
            return None;
        }
        self.steps(function, field)?
            .value_at(pc.checked_sub(function.entry)?, budget)
    }

    /// The field of the pc table that says which inlined call is innermost.
    pub(super) fn calls_field(self, function: Function) -> Option<usize> {
        self.table_field(function, self.shape.layout.call_index)
    }

    /// The field of the pc table of this number.
    pub(super) fn table_field(self, function: Function, number: u32) -> Option<usize> {
        let start = self.shape.layout.func.size;
        (number < self.table_count(function)?).then_some(start + number as usize * 4)
    }

    /// The function data that says where the array of inlined calls is.
    pub(super) fn calls_pointer(self, function: Function) -> Option<u64> {
        self.data_pointer(function, self.shape.layout.call_array)
    }

    /// Function data of this number: an address, from Go 1.18 on an offset into all of them.
    pub(super) fn data_pointer(self, function: Function, number: usize) -> Option<u64> {
        let word = self.shape.layout.word;
        if self.data_count(function)? <= number {
            return None;
        }
        let data = self.data_at(function)?.checked_add(number * word)?;
        match word {
            8 => u64_at(self.bytes, data).filter(|pointer| *pointer != 0),
            _ => u32_at(self.bytes, data)
                .filter(|offset| *offset != NO_DATA)
                .map(u64::from),
        }
    }

    /// Offset of the end of a function's record, padding included.
    pub(super) fn record_end(self, function: Function) -> Option<usize> {
        let size = self
            .data_count(function)?
            .checked_mul(self.shape.layout.word)?;
        self.data_at(function)?
            .checked_add(size)?
            .checked_next_multiple_of(RECORD_ALIGNMENT)
    }

    fn data_at(self, function: Function) -> Option<usize> {
        let tables = (self.table_count(function)? as usize).checked_mul(4)?;
        function
            .record
            .checked_add(self.shape.layout.func.size)?
            .checked_add(tables)?
            .checked_next_multiple_of(self.shape.layout.word)
    }

    fn table_count(self, function: Function) -> Option<u32> {
        let field = self.shape.layout.func.tables;
        u32_at(self.bytes, function.record.checked_add(field)?)
    }

    fn data_count(self, function: Function) -> Option<usize> {
        let field = self.shape.layout.func.data;
        u8_at(self.bytes, function.record.checked_add(field)?).map(usize::from)
    }

    /// The number that says what a function is to stack traces.
    pub(super) fn kind_number(self, function: Function) -> Option<u8> {
        let field = self.shape.layout.func.kind?;
        u8_at(self.bytes, function.record.checked_add(field)?)
    }
}
