//! An ELF file as the loader sees it: addresses, sections, relocations.

use std::ops::Range;

use object::elf;

use super::Error;
use super::bytes::{u16_at, u64_at};

mod headers;
#[cfg(test)]
mod hostile;
mod machine;
mod relocations;
mod symbols;

pub(super) use headers::{Section, Segment};
use relocations::Relocations;
pub(super) use symbols::Variable;

/// Bytes of an `Elf64_Dyn`.
const DYN_SIZE: usize = 16;

/// Entries of the dynamic section; real files have some forty.
const MAX_DYNAMIC: usize = 4096;

/// Bytes that one search looks through; the largest programs have half of it apart from their code.
const MAX_SEARCHED: usize = 256 << 20;

/// The file, its segments and its sections.
#[derive(Debug)]
pub(super) struct Image<'d> {
    data: &'d [u8],
    pub(super) segments: Vec<Segment>,
    pub(super) sections: Vec<Section<'d>>,
    /// Go's name of the architecture.
    pub(super) arch: &'static str,
    /// What is loaded: sections and segments, each in the order of their addresses.
    loaded_sections: Vec<Piece>,
    loaded_segments: Vec<Piece>,
    shared_object: bool,
    relocations: Relocations<'d>,
}

/// Addresses, and the offset in the file of the first.
#[derive(Clone, Debug)]
struct Piece {
    addresses: Range<u64>,
    offset: u64,
}

impl<'d> Image<'d> {
    /// Reads the headers.
    pub(super) fn parse(data: &'d [u8]) -> Result<Self, Error> {
        let machine = machine::supported(data)?;
        let kind = u16_at(data, 16).ok_or(Error::Damaged("file header"))?;
        let segments = headers::segments(data).ok_or(Error::Damaged("program headers"))?;
        // Each byte is searched once, not once for every header that names it.
        let loaded = segments.iter().filter(|segment| segment.is_loaded());
        let loaded = loaded.fold(0_u64, |sum, segment| sum.saturating_add(segment.file_size));
        if loaded / 2 > data.len() as u64 {
            return Err(Error::Damaged("overlapping segments"));
        }
        // A file without sections runs, so it is read.
        let sections = headers::sections(data).unwrap_or_default();
        let mut image = Self {
            data,
            loaded_sections: pieces(
                sections
                    .iter()
                    .filter(|section| section.loaded)
                    .map(|section| (section.address, section.size, section.offset)),
            ),
            loaded_segments: pieces(
                segments
                    .iter()
                    .filter(|segment| segment.is_loaded())
                    .map(|segment| (segment.address, segment.file_size, segment.offset)),
            ),
            segments,
            sections,
            arch: machine.arch,
            shared_object: kind == elf::ET_DYN.0,
            relocations: Relocations::default(),
        };
        let relocations = image.find_relocations().unwrap_or_default();
        image.relocations = Relocations::new(relocations, machine.relative);
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

    /// The file from the end of the program headers on.
    pub(super) fn behind_segment_headers(&self) -> Option<&'d [u8]> {
        self.data.get(headers::segments_end(self.data)?..)
    }

    /// The file's bytes of a segment, empty when they lie outside the file.
    pub(super) fn contents(&self, segment: &Segment) -> &'d [u8] {
        self.range(segment.offset, segment.file_size)
            .unwrap_or_default()
    }

    /// Address and bytes of the loaded segments that `belongs` names, as far as they are searched.
    pub(super) fn searched(
        &self,
        belongs: impl Fn(&Segment) -> bool,
    ) -> impl Iterator<Item = (u64, &'d [u8])> {
        let mut left = MAX_SEARCHED;
        self.segments_of(elf::PT_LOAD.0)
            .filter(move |segment| belongs(segment))
            .map(move |segment| {
                let bytes = self.contents(segment);
                let bytes = &bytes[..bytes.len().min(left)];
                left -= bytes.len();
                (segment.address, bytes)
            })
    }

    /// Segments of one kind (`PT_…`).
    pub(super) fn segments_of(&self, kind: u32) -> impl Iterator<Item = &Segment> {
        self.segments
            .iter()
            .filter(move |segment| segment.kind == kind)
    }

    /// The bytes from `address` to the end of its section, else of its segment.
    pub(super) fn bytes_at(&self, address: u64) -> Option<&'d [u8]> {
        let piece = piece_at(&self.loaded_sections, address)
            .or_else(|| piece_at(&self.loaded_segments, address))?;
        let bytes = self.range(
            piece.offset,
            piece.addresses.end.checked_sub(piece.addresses.start)?,
        )?;
        bytes.get(usize::try_from(address.checked_sub(piece.addresses.start)?).ok()?..)
    }

    /// The `len` bytes at `address` as they are after relocation to base 0.
    pub(super) fn relocated(&self, address: u64, len: usize) -> Option<Vec<u8>> {
        let mut bytes = self.bytes_at(address)?.get(..len)?.to_vec();
        let end = address.saturating_add(len as u64);
        for (place, value) in self.relocations.between(address..end) {
            let at = (place - address) as usize;
            if let Some(word) = bytes[at..].first_chunk_mut::<8>() {
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

    /// Addresses of up to `limit` aligned words of variables that hold one of `values`.
    ///
    /// `values` are in order. All is looked at once, however many values there are.
    pub(super) fn words_equal_to(&self, values: &[u64], limit: usize) -> Vec<u64> {
        let wanted = |word: u64| match values {
            [one] => word == *one,
            _ => values.binary_search(&word).is_ok(),
        };
        let in_place = self
            .searched(|segment| segment.writable && segment.address.is_multiple_of(8))
            .flat_map(|(address, bytes)| {
                let (words, _) = bytes.as_chunks::<8>();
                let places = words.iter().enumerate();
                places.filter_map(move |(index, word)| {
                    wanted(u64::from_le_bytes(*word))
                        .then(|| address.checked_add(index as u64 * 8))
                        .flatten()
                })
            });
        let relocated = self.relocations.all().filter(|(_, value)| wanted(*value));
        relocated
            .map(|(place, _)| place)
            .chain(in_place)
            .take(limit)
            .collect()
    }

    fn find_relocations(&self) -> Option<&'d [u8]> {
        let address = self.dynamic(elf::DT_RELA.0).next()?;
        let size = self.dynamic(elf::DT_RELASZ.0).next()?;
        let bytes = self.bytes_at(address)?;
        Some(&bytes[..bytes.len().min(usize::try_from(size).ok()?)])
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

/// Address, size and offset of what is loaded, in the order of addresses.
fn pieces(parts: impl Iterator<Item = (u64, u64, u64)>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = parts
        .filter_map(|(address, size, offset)| {
            let addresses = address..address.checked_add(size)?;
            (size > 0).then_some(Piece { addresses, offset })
        })
        .collect();
    pieces.sort_by_key(|piece| piece.addresses.start);
    pieces
}

/// The piece that holds an address; real ones do not overlap.
fn piece_at(pieces: &[Piece], address: u64) -> Option<&Piece> {
    let after = pieces.partition_point(|piece| piece.addresses.start <= address);
    let piece = pieces.get(after.checked_sub(1)?)?;
    piece.addresses.contains(&address).then_some(piece)
}
