//! Finds pclntab and the tables it refers to, with or without section headers and symbols.

use object::elf;

use super::layout::{self, module_data};
use super::{InlinedCalls, Parts, Table};
use crate::go::Error;
use crate::go::bytes::{i32_at, u8_at, u32_at, u64_at};
use crate::go::image::Image;

/// Bytes before the function table up to Go 1.15: magic, sizes, number of functions.
pub(super) const HEADER_1_2: usize = 16;

/// The linker aligns pclntab at least to this (Go 1.26: 16, others 32).
const ALIGNMENT: usize = 16;

/// Functions looked at to tell formats apart; some have no function data at all.
const SAMPLE: usize = 4096;

/// Bytes of pclntab, and of the arrays of inlined calls, that are copied; the largest programs have
/// some fifty million.
const MAX_COPY: usize = 256 << 20;

/// More functions than any program has.
const MAX_FUNCTIONS: usize = 1 << 24;

/// Places that look like the header of pclntab and are tried; real files have one.
const MAX_HEADERS: usize = 16;

/// Words that equal the address of pclntab; real files have one or two.
const MAX_CANDIDATES: usize = 64;

const SECTIONS: [&[u8]; 2] = [b".gopclntab", b".data.rel.ro.gopclntab"];

impl Table {
    /// Finds and opens the table of an executable; `Ok(None)` when it has none.
    ///
    /// `newer_than_1_12` says that the program has build information, as all have from Go 1.13 on:
    /// the formats of 1.12 and 1.13 have the same magic number.
    pub(in crate::go) fn find(
        image: &Image<'_>,
        newer_than_1_12: bool,
    ) -> Result<Option<Self>, Error> {
        let named = SECTIONS.iter().find_map(|name| image.section(name));
        if let Some(section) = named {
            return Self::open(image, section.address, newer_than_1_12).map(Some);
        }
        // The system's linker merges it into another section of a PIE.
        let data = image
            .segments_of(elf::PT_LOAD.0)
            .filter(|segment| !segment.executable);
        let headers = data.flat_map(|segment| {
            let bytes = image.contents(segment);
            let places = (0..bytes.len()).step_by(ALIGNMENT);
            places
                .filter(|at| is_header(&bytes[*at..]))
                .filter_map(|at| segment.address.checked_add(at as u64))
        });
        let mut tables = headers
            .take(MAX_HEADERS)
            .filter_map(|address| Self::open(image, address, newer_than_1_12).ok());
        Ok(tables.next())
    }

    fn open(image: &Image<'_>, address: u64, newer_than_1_12: bool) -> Result<Self, Error> {
        let damaged = Error::Damaged("pclntab");
        let available = image.bytes_at(address).ok_or(damaged)?.len().min(MAX_COPY);
        let bytes = image.relocated(address, available).ok_or(damaged)?;
        if !is_header(&bytes) {
            return Err(Error::Damaged("pclntab header"));
        }
        let layout = match u32_at(&bytes, 0) {
            Some(layout::MAGIC_1_2) if newer_than_1_12 => layout::GO_1_13,
            Some(layout::MAGIC_1_2) => layout::GO_1_12,
            Some(layout::MAGIC_1_16) => layout::GO_1_16,
            Some(layout::MAGIC_1_18) => layout::GO_1_18,
            _ => layout::GO_1_20,
        };
        let word = |at| {
            u64_at(&bytes, at)
                .and_then(|value| usize::try_from(value).ok())
                .ok_or(damaged)
        };
        let mut table = Self {
            layout,
            quantum: u32::from(u8_at(&bytes, 6).unwrap_or(1)),
            text: layout
                .text_start
                .and_then(|at| u64_at(&bytes, at))
                .unwrap_or_default(),
            count: word(8)?,
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
            inlined: None,
            bytes: bytes.into_boxed_slice(),
        };
        table.check_functions()?;
        if layout.parts.is_none() {
            let end = table.functab_at(table.count).ok_or(damaged)? + layout.word;
            table.parts.files = u32_at(&table.bytes, end).ok_or(damaged)? as usize;
            if !newer_than_1_12 && table.counts_data_in_a_word() {
                table.layout = layout::GO_1_2;
            }
        }
        table.find_inlined_calls(image, address)?;
        Ok(table)
    }

    /// The function table fits, and its first entries agree with the records they point to.
    fn check_functions(&self) -> Result<(), Error> {
        let agrees = |index| {
            let function = self.function(index)?;
            let entry = match self.layout.word {
                8 => u64_at(&self.bytes, function.record)?,
                _ => self
                    .text
                    .checked_add(u64::from(u32_at(&self.bytes, function.record)?))?,
            };
            Some(entry == function.entry && self.pc(index + 1)? >= entry)
        };
        let fits = (1..=MAX_FUNCTIONS).contains(&self.count) && self.pc(self.count).is_some();
        let agree = (0..self.count.min(8)).all(|index| agrees(index) == Some(true));
        if fits && agree {
            Ok(())
        } else {
            Err(Error::Damaged("function table of pclntab"))
        }
    }

    /// Up to Go 1.11 the count of function data is a word, so its last byte is 0.
    fn counts_data_in_a_word(&self) -> bool {
        (0..self.count.min(SAMPLE))
            .filter_map(|index| self.function(index))
            .all(|function| {
                u8_at(&self.bytes, function.record.saturating_add(39)).unwrap_or_default() == 0
            })
    }

    /// Copies the part of the file that holds the arrays of inlined calls.
    fn find_inlined_calls(&mut self, image: &Image<'_>, address: u64) -> Result<(), Error> {
        if self.layout.word == 8 {
            let pointer = (0..self.count)
                .filter_map(|index| self.function(index))
                .find_map(|function| self.calls_pointer(function));
            self.inlined = pointer.and_then(|pointer| {
                let (base, bytes) = image.around(pointer)?;
                let bytes = bytes[..bytes.len().min(MAX_COPY)].into();
                Some(InlinedCalls { bytes, base })
            });
            return Ok(());
        }
        let module_data = self.find_module_data(image, address);
        if let Some(data) = &module_data {
            self.text = u64_at(data, module_data::TEXT).unwrap_or(self.text);
        } else if self.text == 0 {
            // Go 1.26 no longer says in the header what its pcs count from.
            return Err(Error::Damaged("pclntab without moduledata"));
        }
        // Which of the offsets is the right one the number of the version would say, but not all
        // programs have one; the arrays do.
        let known = image.section(b".go.func").map(|section| section.address);
        let candidates = known.into_iter().chain(module_data.iter().flat_map(|data| {
            module_data::FUNCTION_DATA
                .iter()
                .filter_map(|at| u64_at(data, *at))
        }));
        for base in candidates {
            let Some(bytes) = image.bytes_at(base) else {
                continue;
            };
            let bytes = bytes[..bytes.len().min(MAX_COPY)].into();
            self.inlined = Some(InlinedCalls { bytes, base: 0 });
            if self.inlined_calls_make_sense() {
                return Ok(());
            }
        }
        self.inlined = None;
        Ok(())
    }

    /// The module data whose first word is the address of this table, and which agrees with it.
    fn find_module_data(&self, image: &Image<'_>, address: u64) -> Option<Vec<u8>> {
        let offset = |index| Some(self.pc(index)?.wrapping_sub(self.text));
        let (first, last) = (offset(0)?, offset(self.count)?);
        image
            .words_equal_to(address, MAX_CANDIDATES)
            .into_iter()
            .find_map(|candidate| {
                let data = image.relocated(candidate, module_data::SIZE)?;
                let text = u64_at(&data, module_data::TEXT)?;
                let fits = u64_at(&data, module_data::MIN_PC)? == text.checked_add(first)?
                    && u64_at(&data, module_data::MAX_PC)? == text.checked_add(last)?
                    && (self.text == 0 || self.text == text);
                fits.then_some(data)
            })
    }

    /// The first inlined call of each sampled function has a name and a caller inside it.
    fn inlined_calls_make_sense(&self) -> bool {
        let parent_at = match self.layout.call.parent {
            layout::Parent::Pc(at) => at,
            layout::Parent::Index => return true,
        };
        let sensible = |index| {
            let function = self.function(index)?;
            self.calls_pointer(function)?;
            let size = self.pc(index + 1)?.checked_sub(function.entry)?;
            let name = |calls| self.name(i32_at(calls, self.layout.call.name)?);
            let calls = self.calls(function).unwrap_or_default();
            let inside =
                u64::try_from(i32_at(calls, parent_at).unwrap_or(-1)).is_ok_and(|pc| pc < size);
            Some(inside && name(calls).is_some_and(|name| name.iter().all(|byte| *byte >= b' ')))
        };
        let (mut good, mut all) = (0, 0);
        for answer in (0..self.count).filter_map(sensible).take(SAMPLE) {
            all += 1;
            good += usize::from(answer);
        }
        good == all
    }
}

/// Magic, two zero bytes, a plausible instruction size, 8 bytes to a pointer.
fn is_header(bytes: &[u8]) -> bool {
    matches!(
        u32_at(bytes, 0),
        Some(layout::MAGIC_1_2 | layout::MAGIC_1_16 | layout::MAGIC_1_18 | layout::MAGIC_1_20)
    ) && bytes
        .get(4..8)
        .is_some_and(|rest| matches!(rest, [0, 0, 1 | 2 | 4, 8]))
}
