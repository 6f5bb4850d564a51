//! The program and section headers of an ELF file of 64 bits, little endian.

use object::elf;

use crate::go::bytes::{string_at, u16_at, u32_at, u64_at};

/// Real files have a dozen segments and some fifty sections, of which each is searched by name.
const MAX_SEGMENTS: usize = 4096;
const MAX_SECTIONS: usize = 16_384;
const MAX_SECTION_NAME: usize = 256;

const SEGMENT_HEADER: usize = 56;
const SECTION_HEADER: usize = 64;

/// A range of the file with its place in memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::go) struct Segment {
    pub(in crate::go) kind: u32,
    pub(in crate::go) address: u64,
    pub(in crate::go) offset: u64,
    pub(in crate::go) file_size: u64,
    /// Bytes in memory: those of the file, then zeroes.
    pub(in crate::go) memory_size: u64,
    pub(in crate::go) executable: bool,
    pub(in crate::go) writable: bool,
}

impl Segment {
    /// Its bytes are in memory when the program runs.
    pub(in crate::go) fn is_loaded(&self) -> bool {
        self.kind == elf::PT_LOAD.0
    }
}

/// A named range of the file.
#[derive(Clone, Copy, Debug)]
pub(in crate::go) struct Section<'d> {
    pub(in crate::go) name: &'d [u8],
    pub(in crate::go) kind: u32,
    pub(in crate::go) address: u64,
    pub(in crate::go) offset: u64,
    pub(in crate::go) size: u64,
    /// Index of the section with the names, for a table of symbols.
    pub(in crate::go) link: usize,
    /// Its contents are in the file, and in memory when the program runs.
    pub(in crate::go) loaded: bool,
    pub(in crate::go) executable: bool,
}

pub(super) fn range(data: &[u8], offset: u64, size: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = usize::try_from(offset.checked_add(size)?).ok()?;
    data.get(start..end)
}

pub(super) fn segments(data: &[u8]) -> Option<Vec<Segment>> {
    let count = usize::from(u16_at(data, 56)?).min(MAX_SEGMENTS);
    let size = (count * SEGMENT_HEADER) as u64;
    if count > 0 && usize::from(u16_at(data, 54)?) != SEGMENT_HEADER {
        return None;
    }
    let headers = range(data, u64_at(data, 32)?, size)?;
    headers
        .chunks_exact(SEGMENT_HEADER)
        .map(|header| {
            Some(Segment {
                kind: u32_at(header, 0)?,
                executable: u32_at(header, 4)? & elf::PF_X.0 != 0,
                writable: u32_at(header, 4)? & elf::PF_W.0 != 0,
                offset: u64_at(header, 8)?,
                address: u64_at(header, 16)?,
                file_size: u64_at(header, 32)?,
                memory_size: u64_at(header, 40)?,
            })
        })
        .collect()
}

/// Offset of the end of the program headers.
pub(super) fn segments_end(data: &[u8]) -> Option<usize> {
    let size = usize::from(u16_at(data, 56)?) * SEGMENT_HEADER;
    usize::try_from(u64_at(data, 32)?).ok()?.checked_add(size)
}

pub(super) fn sections(data: &[u8]) -> Option<Vec<Section<'_>>> {
    let count = usize::from(u16_at(data, 60)?).min(MAX_SECTIONS);
    if count == 0 || usize::from(u16_at(data, 58)?) != SECTION_HEADER {
        return None;
    }
    let headers = range(data, u64_at(data, 40)?, (count * SECTION_HEADER) as u64)?;
    let names = usize::from(u16_at(data, 62)?).checked_mul(SECTION_HEADER)?;
    let names = range(
        data,
        u64_at(headers, names + 24)?,
        u64_at(headers, names + 32)?,
    )?;
    headers
        .chunks_exact(SECTION_HEADER)
        .map(|header| {
            let kind = u32_at(header, 4)?;
            let flags = u64_at(header, 8)?;
            Some(Section {
                name: string_at(names, u32_at(header, 0)? as usize, MAX_SECTION_NAME)
                    .unwrap_or_default(),
                kind,
                loaded: flags & elf::SHF_ALLOC.0 != 0 && kind != elf::SHT_NOBITS.0,
                executable: flags & elf::SHF_EXECINSTR.0 != 0,
                address: u64_at(header, 16)?,
                offset: u64_at(header, 24)?,
                size: u64_at(header, 32)?,
                link: u32_at(header, 40)? as usize,
            })
        })
        .collect()
}
