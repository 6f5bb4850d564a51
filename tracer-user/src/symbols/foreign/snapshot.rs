//! A copy of the symbols of a file for blazesym, which maps files and follows what they refer to.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::iter::once;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use object::LittleEndian;
use object::elf::{
    FileHeader64, PF_X, PT_LOAD, SHF_COMPRESSED, SHT_DYNSYM, SHT_NOBITS, SHT_NOTE, SHT_STRTAB,
    SHT_SYMTAB, SectionHeader64,
};
use object::read::ReadCache;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use rustix::fs::MemfdFlags;

use super::Depth;
use super::helper::MAX_MEMORY;
use crate::go;

/// Bytes of an ELF header.
const ELF_HEADER: usize = 64;

/// What is copied and inflated leaves this much of the memory for work with it.
const MAX_TABLES: u64 = MAX_MEMORY - (48 << 20);

/// Names another file, in the file system where we run: anything, also a pipe.
const LINK: &[u8] = b".debug_sup";

/// A copy that nobody else can change or truncate. The code and all else not needed are holes.
#[derive(Debug)]
pub(super) struct Snapshot {
    copy: File,
    pub(super) depth: Depth,
    /// Bytes that are no holes.
    pub(super) copied: u64,
    /// Why less was copied than asked for.
    pub(super) trouble: Option<String>,
    code: Vec<Range<u64>>,
}

impl Snapshot {
    /// Copies what is needed of the file.
    pub(super) fn take(file: &File, depth: Depth) -> io::Result<Self> {
        let copy = File::from(rustix::fs::memfd_create("symbols", MemfdFlags::CLOEXEC)?);
        copy.set_len(file.metadata()?.len())?;
        let mut snapshot = Self {
            copy,
            depth,
            copied: 0,
            trouble: None,
            code: Vec::new(),
        };
        // From here on the copy is asked: the file may become another one at any moment.
        let mut start = [0; ELF_HEADER];
        file.read_exact_at(&mut start, 0)?;
        snapshot.fill(file, once(0..ELF_HEADER as u64))?;
        snapshot.fill(file, go::parts(&start))?;
        snapshot.code = snapshot.find_code();
        let names = snapshot.section_names();
        snapshot.fill(file, names)?;
        let mut wanted = snapshot.wanted(file);
        let needed = memory(&wanted);
        if depth == Depth::DebugInformation && needed > MAX_TABLES {
            snapshot.depth = Depth::Symbols;
            snapshot.trouble = Some(format!(
                "without source lines: its debug information takes {} MiB, more than {}",
                needed >> 20,
                MAX_TABLES >> 20
            ));
            wanted = snapshot.wanted(file);
        }
        if memory(&wanted) > MAX_TABLES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        snapshot.fill(file, wanted.into_iter().map(|part| part.range))?;
        snapshot.hide_the_rest()?;
        Ok(snapshot)
    }

    /// A path to it, valid while it lives.
    pub(super) fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.copy.as_raw_fd())
    }

    /// Whether code is linked to lie there. What is no program but a part of one may lie anywhere.
    pub(super) fn has_code_at(&self, address: u64) -> bool {
        self.code.is_empty() || self.code.iter().any(|code| code.contains(&address))
    }

    /// Where code is linked to lie; not in the file any more, if this is a debug file.
    fn find_code(&self) -> Vec<Range<u64>> {
        let cache = ReadCache::new(&self.copy);
        let Ok(header) = FileHeader64::<LittleEndian>::parse(&cache) else {
            return Vec::new();
        };
        let segments = header.program_headers(LittleEndian, &cache);
        let code = segments.unwrap_or_default().iter().filter(|segment| {
            let is_code = segment.p_flags(LittleEndian) & PF_X == PF_X;
            is_code && segment.p_type(LittleEndian) == PT_LOAD
        });
        code.map(|segment| {
            let start = segment.p_vaddr(LittleEndian);
            start..start.saturating_add(segment.p_memsz(LittleEndian))
        })
        .collect()
    }

    /// Copies ranges of the file to their places.
    fn fill(
        &mut self,
        file: &File,
        ranges: impl IntoIterator<Item = Range<u64>>,
    ) -> io::Result<()> {
        let mut ranges: Vec<_> = ranges.into_iter().collect();
        ranges.sort_unstable_by_key(|range| range.start);
        let mut done = 0;
        for range in ranges {
            // Its own position, as others may read the same open file.
            let mut position = range.start.max(done);
            (&self.copy).seek(SeekFrom::Start(position))?;
            while position < range.end {
                let left = (range.end - position) as usize;
                match rustix::fs::sendfile(&self.copy, file, Some(&mut position), left)? {
                    0 => break,
                    count => self.copied += count as u64,
                }
            }
            done = done.max(position);
        }
        Ok(())
    }

    /// Where the names of the sections are.
    fn section_names(&self) -> Option<Range<u64>> {
        let cache = ReadCache::new(&self.copy);
        let header = FileHeader64::<LittleEndian>::parse(&cache).ok()?;
        let sections = header.section_headers(LittleEndian, &cache).ok()?;
        let index = header.shstrndx(LittleEndian, &cache).ok()?;
        range(sections.get(index as usize)?)
    }

    /// The parts of the file that blazesym is to see.
    fn wanted(&self, file: &File) -> Vec<Part> {
        let mut parts = Vec::new();
        self.each_section(|_, section, is_wanted| {
            if is_wanted && let Some(range) = range(section) {
                let is_compressed = section.sh_flags(LittleEndian).0 & SHF_COMPRESSED.0 != 0;
                let inflated = || inflated_size(file, range.start).unwrap_or(u64::MAX);
                let inflated = if is_compressed { inflated() } else { 0 };
                parts.push(Part { range, inflated });
            }
        });
        parts
    }

    /// Without its name a section is not found.
    fn hide_the_rest(&self) -> io::Result<()> {
        let mut hidden = Vec::new();
        self.each_section(|header, _, is_wanted| {
            if !is_wanted {
                hidden.push(header);
            }
        });
        for header in hidden {
            self.copy.write_all_at(&[0; 4], header)?;
        }
        Ok(())
    }

    /// Calls `f` with where its header is, the header, and whether it is to be seen.
    fn each_section(&self, mut f: impl FnMut(u64, &SectionHeader64<LittleEndian>, bool)) {
        let cache = ReadCache::new(&self.copy);
        let Ok(header) = FileHeader64::<LittleEndian>::parse(&cache) else {
            return;
        };
        let Ok(sections) = header.sections(LittleEndian, &cache) else {
            return;
        };
        for (index, section) in sections.iter().enumerate() {
            let name = sections.section_name(LittleEndian, section);
            let name = name.unwrap_or_default();
            let is_debug = name.starts_with(b".debug_") && name != LINK;
            let is_wanted = match section.sh_type(LittleEndian) {
                SHT_NOBITS => false,
                SHT_SYMTAB | SHT_DYNSYM | SHT_STRTAB | SHT_NOTE => true,
                _ => is_debug && self.depth == Depth::DebugInformation,
            };
            let at = (index * size_of_val(section)) as u64;
            f(
                header.e_shoff(LittleEndian).saturating_add(at),
                section,
                is_wanted,
            );
        }
    }
}

/// A part of the file, and what it says it inflates to.
struct Part {
    range: Range<u64>,
    inflated: u64,
}

/// What the parts take, once copied and inflated.
fn memory(parts: &[Part]) -> u64 {
    let sizes = parts.iter().map(|part| {
        let copied = part.range.end - part.range.start;
        copied.saturating_add(part.inflated)
    });
    sizes.fold(0, u64::saturating_add)
}

fn range(section: &SectionHeader64<LittleEndian>) -> Option<Range<u64>> {
    let start = section.sh_offset(LittleEndian);
    Some(start..start.checked_add(section.sh_size(LittleEndian))?)
}

/// What a compressed section says it inflates to (`ch_size` of `Elf64_Chdr`).
fn inflated_size(file: &File, section: u64) -> Option<u64> {
    let mut size = [0; 8];
    file.read_exact_at(&mut size, section.checked_add(8)?)
        .ok()?;
    Some(u64::from_le_bytes(size))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
