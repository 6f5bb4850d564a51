//! Go executables of a few KiB: real functions, written out again in each format of Go's tables.
//!
//! The formats are those of `tracer_user::go`, written down a second time on purpose.

#[path = "mini/model.rs"]
mod model;
#[path = "mini/records.rs"]
mod records;
#[path = "mini/table.rs"]
mod table;

use std::ops::Range;

pub use model::{Call, Function, Model, Place};
use table::Writer;

/// A release whose tables differ from those of the ones before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    Go11,
    Go12,
    Go13,
    Go16,
    Go18,
    Go20,
    Go26,
    Go27,
}

pub const FORMATS: [Format; 8] = [
    Format::Go11,
    Format::Go12,
    Format::Go13,
    Format::Go16,
    Format::Go18,
    Format::Go20,
    Format::Go26,
    Format::Go27,
];

/// An executable.
#[derive(Clone, Debug)]
pub struct Mini {
    pub file: Vec<u8>,
    /// What is where in the file, in order.
    pub areas: Vec<(&'static str, Range<usize>)>,
    /// Addresses of the code.
    pub text: Range<u64>,
}

/// Address of the file's first byte.
const BASE: u64 = 0x40_0000;
const HEADERS: usize = 64 + 2 * 56;
const MODULE_DATA: usize = 592;

/// ELF headers, code, pclntab, arrays of inlined calls, module data. No sections.
#[must_use]
pub fn build(model: &Model, format: Format) -> Mini {
    let sizes = model
        .functions
        .iter()
        .map(|function| function.size as usize);
    let text_at = HEADERS.next_multiple_of(64);
    let table_at = (text_at + sizes.sum::<usize>()).next_multiple_of(64);
    let text = BASE + text_at as u64..BASE + table_at as u64;
    let table = Writer::write(model, format, text.clone(), BASE + table_at as u64);
    let calls_at = table_at + table.bytes.len();
    let data_at = (calls_at + table.calls.len()).next_multiple_of(64);

    let mut file = vec![0; text_at];
    file.resize(table_at, 0x90);
    file.extend_from_slice(&table.bytes);
    file.extend_from_slice(&table.calls);
    file.resize(data_at, 0);
    file.extend_from_slice(&module_data(format, &text, table_at, calls_at));
    let size = file.len();
    write_headers(&mut file, &[(5, 0..data_at), (6, data_at..size)]);

    let mut areas = vec![("file header", 0..64), ("program headers", 64..HEADERS)];
    let moved = |range: &Range<usize>| range.start + table_at..range.end + table_at;
    let parts = table.areas.iter();
    areas.extend(parts.map(|(name, range)| (*name, moved(range))));
    areas.push(("calls", calls_at..calls_at + table.calls.len()));
    areas.push(("module data", data_at..size));
    Mini { file, areas, text }
}

/// `ET_EXEC` for x86-64 with these flags and ranges of segments.
fn write_headers(file: &mut [u8], segments: &[(u32, Range<usize>)]) {
    file[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
    let count = segments.len() as u16;
    for (at, half) in [(16, 2_u16), (18, 62), (52, 64), (54, 56), (56, count)] {
        file[at..at + 2].copy_from_slice(&half.to_le_bytes());
    }
    file[20] = 1;
    file[32..40].copy_from_slice(&64_u64.to_le_bytes());
    for (index, (flags, range)) in segments.iter().enumerate() {
        let at = 64 + index * 56;
        file[at] = 1;
        file[at + 4..at + 8].copy_from_slice(&flags.to_le_bytes());
        let (offset, size) = (range.start as u64, range.len() as u64);
        let words = [offset, BASE + offset, BASE + offset, size, size, 64];
        for (word, place) in words.iter().zip(file[at + 8..at + 56].chunks_mut(8)) {
            place.copy_from_slice(&word.to_le_bytes());
        }
    }
}

/// `runtime.moduledata` as far as it is looked at.
fn module_data(format: Format, text: &Range<u64>, table_at: usize, calls_at: usize) -> Vec<u8> {
    let (pcs, calls) = match format {
        Format::Go11 | Format::Go12 | Format::Go13 => (80, None),
        Format::Go16 => (160, None),
        Format::Go18 => (160, Some(304)),
        Format::Go20 | Format::Go26 => (160, Some(320)),
        Format::Go27 => (160, Some(344)),
    };
    let mut data = vec![0; MODULE_DATA];
    let mut put = |at: usize, value: u64| data[at..at + 8].copy_from_slice(&value.to_le_bytes());
    put(0, BASE + table_at as u64);
    put(pcs, text.start);
    put(pcs + 8, text.end);
    put(pcs + 16, text.start);
    if let Some(at) = calls {
        put(at, BASE + calls_at as u64);
    }
    data
}
