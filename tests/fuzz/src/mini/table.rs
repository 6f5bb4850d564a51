//! Writes pclntab and the arrays of inlined calls.

use std::ops::Range;

use super::Format;
use super::model::Model;

/// The tables of a program.
pub(super) struct Writer {
    pub(super) format: Format,
    pub(super) text: Range<u64>,
    pub(super) bytes: Vec<u8>,
    pub(super) calls: Vec<u8>,
    /// What is where in `bytes`.
    pub(super) areas: Vec<(&'static str, Range<usize>)>,
    files: Vec<String>,
    /// Where addresses of arrays of inlined calls go, and the offsets of the arrays.
    pub(super) pointers: Vec<(usize, u64)>,
}

/// What comes before the function's own parts in its record.
pub(super) struct Offsets {
    pub(super) name: u32,
    pub(super) calls: Vec<u32>,
    pub(super) sp: u32,
    pub(super) files: u32,
    pub(super) lines: u32,
    pub(super) call_table: u32,
}

impl Writer {
    /// `address` is that of the first byte; the arrays of inlined calls lie behind the last.
    pub(super) fn write(model: &Model, format: Format, text: Range<u64>, address: u64) -> Self {
        let mut writer = Self {
            format,
            text,
            bytes: Vec::new(),
            calls: Vec::new(),
            areas: Vec::new(),
            files: model.files(),
            pointers: Vec::new(),
        };
        if writer.is_old() {
            writer.write_old(model);
        } else {
            writer.write_parts(model);
        }
        writer.align();
        let end = address + writer.bytes.len() as u64;
        for (at, offset) in std::mem::take(&mut writer.pointers) {
            writer.put_u64(at, end + offset);
        }
        writer
    }

    /// Up to Go 1.15 all offsets count from the header.
    fn write_old(&mut self, model: &Model) {
        self.header(model, 16);
        let functab = self.reserve_functab(model);
        let offsets = self.names_and_tables(model, 0, 0);
        self.records(model, &offsets, functab, 0);
        let last = functab + model.functions.len() * 16;
        let numbers = self.align();
        self.bytes[last + 8..last + 12].copy_from_slice(&(numbers as u32).to_le_bytes());
        let files = self.files.clone();
        self.u32(files.len() as u32 + 1);
        let mut name = numbers + 4 * (files.len() + 1);
        for file in &files {
            self.u32(name as u32);
            name += file.len() + 1;
        }
        self.area("units", numbers);
        let start = self.bytes.len();
        for file in &files {
            self.string(file);
        }
        self.area("files", start);
    }

    /// From Go 1.16 on the header says where the parts are.
    fn write_parts(&mut self, model: &Model) {
        let header = if self.format == Format::Go16 { 64 } else { 72 };
        self.header(model, header);
        let units = self.align();
        let files = self.files.clone();
        let mut offset = 0;
        for file in &files {
            self.u32(offset);
            offset += file.len() as u32 + 1;
        }
        self.area("units", units);
        let names_of_files = self.bytes.len();
        for file in &files {
            self.string(file);
        }
        self.area("files", names_of_files);
        let start = self.align();
        let offsets = self.names_and_tables(model, start, start);
        let functions = self.align();
        let functab = self.reserve_functab(model);
        self.records(model, &offsets, functab, functions);
        if matches!(self.format, Format::Go18 | Format::Go20) {
            self.put_u64(24, self.text.start);
        }
        let parts = [start, units, names_of_files, start, functions];
        for (index, part) in parts.into_iter().enumerate() {
            self.put_u64(header - 40 + index * 8, part as u64);
        }
    }

    fn header(&mut self, model: &Model, size: usize) {
        let magic: u32 = match self.format {
            Format::Go11 | Format::Go12 | Format::Go13 => 0xffff_fffb,
            Format::Go16 => 0xffff_fffa,
            Format::Go18 => 0xffff_fff0,
            Format::Go20 | Format::Go26 | Format::Go27 => 0xffff_fff1,
        };
        self.u32(magic);
        self.bytes.extend_from_slice(&[0, 0, 1, 8]);
        let count = model.functions.len() as u64;
        self.bytes.extend_from_slice(&count.to_le_bytes());
        self.bytes.resize(size, 0);
        self.area("header", 0);
    }

    fn reserve_functab(&mut self, model: &Model) -> usize {
        let start = self.bytes.len();
        let entries = 2 * model.functions.len() + 2;
        self.bytes.resize(start + entries * self.word(), 0);
        self.area("functab", start);
        start
    }

    /// Names count from `names`, pc tables from `tables`.
    fn names_and_tables(&mut self, model: &Model, names: usize, tables: usize) -> Vec<Offsets> {
        let start = self.bytes.len();
        // No table has offset 0.
        self.bytes.push(0);
        let mut all = Vec::new();
        for function in &model.functions {
            let relative = |offset: usize| (offset - names) as u32;
            all.push(Offsets {
                name: relative(self.string(&function.name)),
                calls: function
                    .calls
                    .iter()
                    .map(|call| relative(self.string(&call.name)))
                    .collect(),
                sp: 0,
                files: 0,
                lines: 0,
                call_table: 0,
            });
        }
        self.area("names", start);
        let start = self.bytes.len();
        for (function, offsets) in model.functions.iter().zip(&mut all) {
            let runs = |value: &dyn Fn(usize) -> i32| -> Vec<(u32, i32)> {
                let ends = function.places.iter().map(|place| place.end);
                ends.enumerate()
                    .map(|(index, end)| (end, value(index)))
                    .collect()
            };
            let place = |index: usize| &function.places[index];
            let lines = runs(&|index| place(index).line as i32);
            let files = runs(&|index| self.file_number(&place(index).file) as i32);
            let calls = runs(&|index| place(index).call.map_or(-1, |call| call as i32));
            offsets.sp = self.pc_table(&[(1, 0), (function.size, 8)], tables);
            offsets.lines = self.pc_table(&lines, tables);
            offsets.files = self.pc_table(&files, tables);
            offsets.call_table = self.pc_table(&calls, tables);
        }
        self.area("pc tables", start);
        all
    }

    /// A pc table of these ends and values; its offset.
    fn pc_table(&mut self, runs: &[(u32, i32)], base: usize) -> u32 {
        let offset = self.bytes.len() - base;
        let (mut pc, mut last) = (0, -1_i32);
        for (index, (end, value)) in runs.iter().enumerate() {
            if runs.get(index + 1).is_some_and(|(_, next)| next == value) {
                continue;
            }
            let change = value.wrapping_sub(last);
            varint(&mut self.bytes, ((change << 1) ^ (change >> 31)) as u32);
            varint(&mut self.bytes, end - pc);
            (pc, last) = (*end, *value);
        }
        self.bytes.push(0);
        offset as u32
    }

    /// Up to Go 1.15 number 0 is the length of the list.
    pub(super) fn file_number(&self, file: &str) -> u32 {
        let number = self.files.iter().position(|known| known == file);
        number.unwrap_or_default() as u32 + u32::from(self.is_old())
    }

    pub(super) fn is_old(&self) -> bool {
        matches!(self.format, Format::Go11 | Format::Go12 | Format::Go13)
    }

    /// Bytes of a pc.
    pub(super) fn word(&self) -> usize {
        if self.is_old() || self.format == Format::Go16 {
            8
        } else {
            4
        }
    }

    pub(super) fn pc(&self, address: u64) -> u64 {
        match self.word() {
            8 => address,
            _ => address - self.text.start,
        }
    }

    fn string(&mut self, text: &str) -> usize {
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
        offset
    }

    pub(super) fn align(&mut self) -> usize {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        self.bytes.len()
    }

    pub(super) fn area(&mut self, name: &'static str, start: usize) {
        self.areas.push((name, start..self.bytes.len()));
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn put_u64(&mut self, at: usize, value: u64) {
        self.bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    pub(super) fn put_word(&mut self, at: usize, value: u64) {
        let word = self.word();
        self.bytes[at..at + word].copy_from_slice(&value.to_le_bytes()[..word]);
    }
}

fn varint(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}
