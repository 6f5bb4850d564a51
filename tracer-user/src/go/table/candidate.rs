//! A place that may hold pclntab: its header and first functions, checked before anything is copied.

use super::Table;
use super::inlined::InlinedCalls;
use super::layout::{self, Layout};
use super::module_data::ModuleData;
use super::records::{MAX_NAME, Parts, Records, Shape};
use crate::go::Error;
use crate::go::bytes::{string_at, u8_at, u32_at, u64_at};
use crate::go::image::Image;

/// Functions looked at to tell formats apart; some have no function data at all.
const SAMPLE: usize = 4096;

/// Functions whose records are compared with the function table.
const CHECKED: usize = 8;

/// Bytes of pclntab that are copied; the largest programs have some fifty million.
const MAX_COPY: usize = 96 << 20;

/// More functions than any program has.
const MAX_FUNCTIONS: usize = 1 << 24;

/// More files than any program has.
const MAX_FILES: usize = 1 << 20;

/// A place where a pclntab seems to be. Nothing of it is copied yet.
#[derive(Debug)]
pub(super) struct Candidate<'d> {
    pub(super) address: u64,
    pub(super) shape: Shape,
    /// The bytes from its header on, not relocated, with whatever follows it.
    bytes: &'d [u8],
    /// First and last pc of the function table.
    pub(super) first: u64,
    pub(super) last: u64,
    /// Entries in the records are those of the function table; records lie one behind the other.
    own: bool,
    contiguous: bool,
    /// Something in it was changed after the linker had written it.
    obfuscated: bool,
}

impl<'d> Candidate<'d> {
    /// Looks at header and first functions. `overwritten` allows for any magic number.
    pub(super) fn examine(image: &Image<'d>, address: u64, overwritten: bool) -> Option<Self> {
        let bytes = image.bytes_at(address)?;
        let bytes = &bytes[..bytes.len().min(MAX_COPY)];
        let magic = u32_at(bytes, 0)?;
        let expected = match magic {
            layout::MAGIC_1_2 => Some(layout::GO_1_13),
            layout::MAGIC_1_16 => Some(layout::GO_1_16),
            layout::MAGIC_1_18 => Some(layout::GO_1_18),
            layout::MAGIC_1_20 => Some(layout::GO_1_20),
            _ => None,
        };
        let known = expected.and_then(|layout| Self::with_layout(image, address, bytes, layout));
        if known.is_some() || !overwritten {
            return known;
        }
        let all = [
            layout::GO_1_20,
            layout::GO_1_18,
            layout::GO_1_16,
            layout::GO_1_13,
        ];
        let possible = all
            .into_iter()
            .filter_map(|layout| Self::with_layout(image, address, bytes, layout));
        let mut found = possible.max_by_key(|found| (found.own && found.contiguous, found.own))?;
        found.obfuscated = true;
        Some(found)
    }

    fn with_layout(
        image: &Image<'d>,
        address: u64,
        bytes: &'d [u8],
        layout: Layout,
    ) -> Option<Self> {
        let word = |at| usize::try_from(u64_at(bytes, at)?).ok();
        let quantum = u8_at(bytes, 6).filter(|quantum| matches!(quantum, 1 | 2 | 4));
        let mut shape = Shape {
            layout,
            quantum: quantum.map_or(if image.arch == "arm64" { 4 } else { 1 }, u32::from),
            text: match layout.text_start {
                Some(at) => image.pointer(address.checked_add(at as u64)?)?,
                None => 0,
            },
            count: word(8).filter(|count| (1..=MAX_FUNCTIONS).contains(count))?,
            parts: match layout.parts {
                None => Parts::default(),
                Some(at) => Parts {
                    names: word(at)?,
                    units: word(at + 8)?,
                    files: word(at + 16)?,
                    pc_tables: word(at + 24)?,
                    functions: word(at + 32)?,
                },
            },
        };
        let records = Records {
            shape: &shape,
            bytes,
        };
        let end = records.functab_at(shape.count)?.checked_add(layout.word)?;
        if end > bytes.len() {
            return None;
        }
        // Up to Go 1.17 pcs are pointers, which a PIE has relocations for.
        let pointer = |at: usize| image.pointer(address.checked_add(at as u64)?);
        let pc = |index| match layout.word {
            8 => pointer(records.functab_at(index)?),
            _ => records.pc(index),
        };
        let (mut ascending, mut own, mut contiguous) = (true, true, layout.parts.is_some());
        for index in 0..shape.count.min(CHECKED) {
            let function = records.function(index)?;
            let entry = match layout.word {
                8 => pointer(function.record)?,
                _ => records.own_entry(function)?,
            };
            ascending &= pc(index)? <= pc(index + 1)?;
            own &= entry == pc(index)?;
            if index + 1 < shape.count {
                let next = records.function(index + 1)?;
                contiguous &= records.record_end(function)? == next.record;
            }
        }
        // Either may have been changed, but not both.
        if !ascending || !(own || contiguous) {
            return None;
        }
        let (first, last) = (pc(0)?, pc(shape.count)?);
        if layout.parts.is_none() {
            let files = u32_at(bytes, end)? as usize;
            let counts_in_words = counts_data_in_a_word(records);
            shape.parts.files = files;
            if counts_in_words {
                shape.layout = layout::GO_1_2;
            }
        }
        Some(Self {
            address,
            shape,
            bytes,
            first,
            last,
            own,
            contiguous,
            obfuscated: !own,
        })
    }

    /// Copies what is needed. `whole` says that it ends where its section ends.
    pub(super) fn open(
        mut self,
        image: &Image<'_>,
        module: Option<ModuleData>,
        whole: bool,
    ) -> Result<Table, Error> {
        let damaged = Error::Damaged("pclntab");
        let len = if whole {
            self.bytes.len()
        } else {
            self.end().ok_or(damaged)?.min(self.bytes.len())
        };
        let bytes = image.relocated(self.address, len).ok_or(damaged)?;
        let module_data = module.as_ref().map(|module| module.place);
        if let Some(module) = &module {
            self.shape.text = match self.shape.layout.text_start {
                Some(_) => module.text,
                None => 0,
            };
        } else if self.shape.layout.text_start.is_some() && self.shape.text == 0 {
            // Go 1.26 no longer says in the header what its pcs count from.
            return Err(Error::Damaged("pclntab without moduledata"));
        }
        let bases: Vec<u64> = match self.shape.layout.word {
            8 => vec![0],
            // Which of the offsets is the right one the number of the version would say, but not
            // all programs have one; the arrays do.
            _ => module
                .map(|module| module.function_data)
                .unwrap_or_default(),
        };
        // The formats of 1.12 and 1.13 to 1.15 differ only in where the arrays are named.
        let layouts = match self.shape.layout {
            layout::GO_1_13 => vec![layout::GO_1_13, layout::GO_1_12],
            layout::GO_1_12 => vec![layout::GO_1_12, layout::GO_1_13],
            other => vec![other],
        };
        let inlined = layouts.into_iter().find_map(|layout| {
            let shape = Shape {
                layout,
                ..self.shape
            };
            let records = Records {
                shape: &shape,
                bytes: &bytes,
            };
            let found = InlinedCalls::copy(image, records, bases.iter().copied())?;
            self.shape.layout = layout;
            Some(found)
        });
        Ok(Table {
            shape: self.shape,
            bytes: bytes.into_boxed_slice(),
            inlined,
            kinds: None,
            obfuscated: self.obfuscated,
            module_data,
        })
    }

    /// Where it ends: behind the last record, up to Go 1.15 behind the name of the last file.
    fn end(&self) -> Option<usize> {
        let records = Records {
            shape: &self.shape,
            bytes: self.bytes,
        };
        if self.shape.layout.parts.is_some() {
            let functions = (0..self.shape.count).filter_map(|index| records.function(index));
            return functions
                .filter_map(|function| records.record_end(function))
                .max();
        }
        let files = self.shape.parts.files;
        let count = u32_at(self.bytes, files)? as usize;
        let slots = (1..count.min(MAX_FILES)).map_while(|number| {
            let slot = files.checked_add(number.checked_mul(4)?)?;
            u32_at(self.bytes, slot)
        });
        let names = slots.filter_map(|at| {
            let name = string_at(self.bytes, at as usize, MAX_NAME)?;
            Some(at as usize + name.len() + 1)
        });
        names.max()
    }
}

/// Up to Go 1.11 the count of function data is a word, so its last byte is 0.
fn counts_data_in_a_word(records: Records<'_>) -> bool {
    (0..records.shape.count.min(SAMPLE))
        .filter_map(|index| records.function(index))
        .all(|function| {
            u8_at(records.bytes, function.record.saturating_add(39)).unwrap_or_default() == 0
        })
}
