//! An ELF file as the loader sees it: addresses, sections, relocations.

use object::elf;

use super::Error;
use super::bytes::{u16_at, u32_at, u64_at};

mod headers;
#[cfg(test)]
mod hostile;

pub(super) use headers::{Section, Segment};

/// Bytes of an `Elf64_Rela` and of an `Elf64_Dyn`.
const RELA_SIZE: usize = 24;
const DYN_SIZE: usize = 16;

/// A Go 1.15 PIE has twenty for each function.
const MAX_RELOCATIONS: usize = 8 << 20;
/// Entries of the dynamic section; real files have some forty.
const MAX_DYNAMIC: usize = 4096;

/// The file, its segments and its sections.
#[derive(Debug)]
pub(super) struct Image<'d> {
    data: &'d [u8],
    pub(super) segments: Vec<Segment>,
    pub(super) sections: Vec<Section<'d>>,
    pub(super) machine: u16,
    shared_object: bool,
    relocations: &'d [u8],
}

impl<'d> Image<'d> {
    /// Reads the headers.
    pub(super) fn parse(data: &'d [u8]) -> Result<Self, Error> {
        if !data.starts_with(b"\x7fELF") {
            return Err(Error::NotElf);
        }
        if data.get(4) != Some(&elf::ELFCLASS64.0) {
            return Err(Error::Unsupported("not 64 bits wide"));
        }
        if data.get(5) != Some(&elf::ELFDATA2LSB.0) {
            return Err(Error::Unsupported("not little endian"));
        }
        let header = |offset| u16_at(data, offset).ok_or(Error::Damaged("file header"));
        let kind = header(16)?;
        let machine = header(18)?;
        let segments = headers::segments(data).ok_or(Error::Damaged("program headers"))?;
        // Each byte is searched once, not once for every header that names it.
        let loaded = segments
            .iter()
            .filter(|segment| segment.kind == elf::PT_LOAD.0);
        let loaded = loaded.fold(0_u64, |sum, segment| sum.saturating_add(segment.file_size));
        if loaded / 2 > data.len() as u64 {
            return Err(Error::Damaged("overlapping segments"));
        }
        let mut image = Self {
            data,
            segments,
            // A file without sections runs, so it is read.
            sections: headers::sections(data).unwrap_or_default(),
            machine,
            shared_object: kind == elf::ET_DYN.0,
            relocations: &[],
        };
        image.relocations = image.find_relocations().unwrap_or_default();
        Ok(image)
    }

    /// The section of this name that has contents in memory.
    pub(super) fn section(&self, name: &[u8]) -> Option<&Section<'d>> {
        self.sections
            .iter()
            .find(|section| section.loaded && section.name == name)
    }

    /// Whether the loader may place it anywhere, and it is a program rather than a library.
    pub(super) fn is_pie(&self) -> bool {
        let flags = self.dynamic(elf::DT_FLAGS_1.0).next().unwrap_or_default();
        self.shared_object
            && (flags & elf::DF_1_PIE.0 != 0 || self.segments_of(elf::PT_INTERP.0).next().is_some())
    }

    /// Whether it asks the loader for libraries.
    pub(super) fn needs_libraries(&self) -> bool {
        self.dynamic(elf::DT_NEEDED.0).next().is_some()
    }

    /// The file's bytes of a segment, empty when they lie outside the file.
    pub(super) fn contents(&self, segment: &Segment) -> &'d [u8] {
        self.range(segment.offset, segment.file_size)
            .unwrap_or_default()
    }

    /// Segments of one kind (`PT_…`).
    pub(super) fn segments_of(&self, kind: u32) -> impl Iterator<Item = &Segment> {
        self.segments
            .iter()
            .filter(move |segment| segment.kind == kind)
    }

    /// The bytes from `address` to the end of its section, else of its segment.
    pub(super) fn bytes_at(&self, address: u64) -> Option<&'d [u8]> {
        let (start, bytes) = self.around(address)?;
        bytes.get(usize::try_from(address.checked_sub(start)?).ok()?..)
    }

    /// Start and bytes of the section, else of the segment, that `address` lies in.
    pub(super) fn around(&self, address: u64) -> Option<(u64, &'d [u8])> {
        let contains = |start, size| address.checked_sub(start).is_some_and(|at| at < size);
        let section = self
            .sections
            .iter()
            .find(|section| section.loaded && contains(section.address, section.size));
        if let Some(section) = section {
            return Some((section.address, self.range(section.offset, section.size)?));
        }
        let segment = self
            .segments_of(elf::PT_LOAD.0)
            .find(|segment| contains(segment.address, segment.file_size))?;
        Some((
            segment.address,
            self.range(segment.offset, segment.file_size)?,
        ))
    }

    /// The `len` bytes at `address` as they are after relocation to base 0.
    pub(super) fn relocated(&self, address: u64, len: usize) -> Option<Vec<u8>> {
        let mut bytes = self.bytes_at(address)?.get(..len)?.to_vec();
        for (place, value) in self.relocations() {
            let Some(at) = place.checked_sub(address) else {
                continue;
            };
            let Ok(at) = usize::try_from(at) else {
                continue;
            };
            if let Some(word) = bytes
                .get_mut(at..)
                .and_then(|rest| rest.first_chunk_mut::<8>())
            {
                *word = value.to_le_bytes();
            }
        }
        Some(bytes)
    }

    /// The pointer at `address`, relocated to base 0.
    pub(super) fn pointer(&self, address: u64) -> Option<u64> {
        u64_at(&self.relocated(address, 8)?, 0)
    }

    /// The string whose Go header (pointer, length) lies at `address`.
    pub(super) fn go_string(&self, address: u64, limit: usize) -> Option<&'d [u8]> {
        let header = self.relocated(address, 16)?;
        let len = usize::try_from(u64_at(&header, 8)?).ok()?;
        if len > limit {
            return None;
        }
        self.bytes_at(u64_at(&header, 0)?)?.get(..len)
    }

    /// Addresses of up to `limit` aligned words of data that hold `value` after relocation.
    pub(super) fn words_equal_to(&self, value: u64, limit: usize) -> Vec<u64> {
        let in_place = self
            .segments_of(elf::PT_LOAD.0)
            .filter(|segment| !segment.executable && segment.address.is_multiple_of(8))
            .flat_map(|segment| {
                let words = self.contents(segment).chunks_exact(8).enumerate();
                words.filter_map(move |(index, word)| {
                    (*word == value.to_le_bytes())
                        .then(|| segment.address.checked_add(index as u64 * 8))
                        .flatten()
                })
            });
        let relocated = self.relocations().filter(|(_, addend)| *addend == value);
        relocated
            .map(|(place, _)| place)
            .chain(in_place)
            .take(limit)
            .collect()
    }

    /// Place and value of each base-relative relocation.
    fn relocations(&self) -> impl Iterator<Item = (u64, u64)> + use<'d> {
        let relative = match self.machine {
            machine if machine == elf::EM_AARCH64.0 => elf::R_AARCH64_RELATIVE.0,
            _ => elf::R_X86_64_RELATIVE.0,
        };
        self.relocations
            .chunks_exact(RELA_SIZE)
            .filter_map(move |rela| {
                (u32_at(rela, 8)? == relative).then_some((u64_at(rela, 0)?, u64_at(rela, 16)?))
            })
    }

    fn find_relocations(&self) -> Option<&'d [u8]> {
        let address = self.dynamic(elf::DT_RELA.0).next()?;
        let size = self.dynamic(elf::DT_RELASZ.0).next()?;
        let bytes = self.bytes_at(address)?;
        let len = usize::try_from(size).ok()?.min(MAX_RELOCATIONS * RELA_SIZE);
        Some(&bytes[..bytes.len().min(len)])
    }

    /// Values of the dynamic section's entries with this tag.
    fn dynamic(&self, tag: i64) -> impl Iterator<Item = u64> {
        self.segments_of(elf::PT_DYNAMIC.0)
            .take(1)
            .flat_map(|segment| self.contents(segment).chunks_exact(DYN_SIZE))
            .take(MAX_DYNAMIC)
            .filter_map(|entry| Some((u64_at(entry, 0)? as i64, u64_at(entry, 8)?)))
            .take_while(|(found, _)| *found != elf::DT_NULL.0)
            .filter(move |(found, _)| *found == tag)
            .map(|(_, value)| value)
    }

    fn range(&self, offset: u64, size: u64) -> Option<&'d [u8]> {
        headers::range(self.data, offset, size)
    }
}
