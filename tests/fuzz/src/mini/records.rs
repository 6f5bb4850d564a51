//! Writes the function table, the records it leads to, and the arrays of inlined calls.

use super::Format;
use super::model::{Function, Model};
use super::table::{Offsets, Writer};

impl Writer {
    /// Records, function table and arrays of inlined calls. Records count from `functions`.
    pub(super) fn records(
        &mut self,
        model: &Model,
        all: &[Offsets],
        functab: usize,
        functions: usize,
    ) {
        let start = self.align();
        let word = self.word();
        let mut entry = self.text.start;
        for (index, (function, offsets)) in model.functions.iter().zip(all).enumerate() {
            let at = functab + index * 2 * word;
            let record = self.align();
            self.put_word(at, self.pc(entry));
            self.put_word(at + word, (record - functions) as u64);
            self.record(entry, function, offsets);
            self.array(function, offsets);
            entry += u64::from(function.size);
        }
        self.put_word(functab + all.len() * 2 * word, self.pc(self.text.end));
        self.align();
        self.area("records", start);
    }

    /// `_func` and its lists of pc tables and function data.
    fn record(&mut self, entry: u64, function: &Function, offsets: &Offsets) {
        let (index, array) = match self.format {
            Format::Go11 | Format::Go12 => (1, 2),
            Format::Go13 => (2, 4),
            _ => (2, 3),
        };
        let has_calls = !function.calls.is_empty();
        let at = self.bytes.len();
        self.bytes.resize(at + self.word(), 0);
        self.put_word(at, self.pc(entry));
        for field in [offsets.name, 0, 0, offsets.sp, offsets.files, offsets.lines] {
            self.u32(field);
        }
        self.u32(if has_calls { index + 1 } else { 0 });
        if !self.is_old() {
            // The offset of its compilation unit.
            self.u32(0);
        }
        if matches!(self.format, Format::Go20 | Format::Go26 | Format::Go27) {
            self.u32(function.places.first().map_or(0, |place| place.line));
        }
        let data = if has_calls { array + 1 } else { 0 };
        if self.format == Format::Go11 {
            self.u32(data);
        } else {
            self.bytes.extend_from_slice(&[0, 0, 0, data as u8]);
        }
        if !has_calls {
            return;
        }
        for _ in 0..index {
            self.u32(0);
        }
        self.u32(offsets.call_table);
        if self.word() == 8 {
            let at = self.align() + array as usize * 8;
            self.bytes.resize(at + 8, 0);
            self.pointers.push((at, self.calls.len() as u64));
        } else {
            for _ in 0..array {
                self.u32(u32::MAX);
            }
            self.u32(self.calls.len() as u32);
        }
    }

    fn array(&mut self, function: &Function, offsets: &Offsets) {
        for (call, name) in function.calls.iter().zip(&offsets.calls) {
            let caller = call.caller.map_or(u32::MAX, |caller| caller as u32);
            let (file, pc) = (self.file_number(&call.file), call.caller_pc);
            let words = match self.format {
                Format::Go11 => vec![caller, file, call.line, *name],
                Format::Go12 | Format::Go13 | Format::Go16 | Format::Go18 => {
                    vec![caller & 0xffff, file, call.line, *name, pc]
                }
                _ => vec![0, *name, pc, 1],
            };
            let bytes = words.into_iter().flat_map(u32::to_le_bytes);
            self.calls.extend(bytes);
        }
    }
}
