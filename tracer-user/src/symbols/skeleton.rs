//! A file without the parts that nobody looks at: the code, the debug information.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use object::LittleEndian;
use object::elf::{FileHeader64, SHF_ALLOC, SHF_EXECINSTR, SHT_NOBITS};
use object::read::elf::{FileHeader, SectionHeader, SectionTable};

use crate::go;

/// Bytes of an ELF header.
const ELF_HEADER: u64 = 64;

/// Bytes of the headers of segments and sections; 65 536 sections have half of it.
const MAX_HEADERS: u64 = 8 << 20;

/// Bytes that are read of one file. A program of 300 MB may have 150 of data that nobody writes to,
/// most of them files that were embedded and strings.
const MAX_READ: u64 = 96 << 20;

/// Bytes of what compilers say of themselves.
const MAX_COMMENT: u64 = 64 << 10;

/// What Go's linker calls the most important part; the others are the more so the smaller.
const TABLES: [&[u8]; 2] = [b".gopclntab", b".data.rel.ro.gopclntab"];

/// The bytes of a file, zeros where it was not read.
#[derive(Debug)]
pub(super) struct Skeleton {
    pub(super) bytes: Vec<u8>,
    /// Bytes that should have been read, had they not been too many.
    pub(super) missing: u64,
}

impl Skeleton {
    /// Reads the parts of a file that `go::Binary::parse` looks at.
    pub(super) fn read(file: &File, size: u64) -> io::Result<Self> {
        let mut skeleton = Self {
            // Zeroed pages cost nothing until they are written to.
            bytes: vec![0; size as usize],
            missing: 0,
        };
        skeleton.fill(file, 0..ELF_HEADER)?;
        // The header tells where the tables are, the tables tell where the rest is.
        let headers = go::parts(&skeleton.bytes);
        skeleton.fill_up_to(file, headers, MAX_HEADERS)?;
        let names = skeleton.section_names();
        skeleton.fill_up_to(file, names, MAX_HEADERS)?;
        // It is not loaded, and tells what a program is that is not of Go.
        let comment = skeleton.comment();
        skeleton.fill_up_to(file, comment, MAX_COMMENT)?;
        let parts = go::parts(&skeleton.bytes);
        if skeleton.length(&parts) <= MAX_READ {
            skeleton.fill_up_to(file, parts, MAX_READ)?;
            return Ok(skeleton);
        }
        let sections = skeleton.sections();
        let parts = if sections.is_empty() { parts } else { sections };
        let needed = skeleton.length(&parts);
        let read = skeleton.fill_up_to(file, parts, MAX_READ)?;
        skeleton.missing = needed - read;
        Ok(skeleton)
    }

    /// How many bytes these ranges of the file have.
    fn length(&self, parts: &[Range<u64>]) -> u64 {
        let lengths = parts.iter().map(|part| self.within(part).1);
        lengths.fold(0, u64::saturating_add)
    }

    /// Where in memory a range of the file goes, and how many bytes of it there are.
    fn within(&self, range: &Range<u64>) -> (Range<usize>, u64) {
        let size = self.bytes.len() as u64;
        let (start, end) = (range.start.min(size), range.end.min(size));
        (start as usize..end as usize, end.saturating_sub(start))
    }

    /// Reads ranges as long as they fit into `room`; returns how many bytes they had.
    fn fill_up_to(
        &mut self,
        file: &File,
        parts: impl IntoIterator<Item = Range<u64>>,
        room: u64,
    ) -> io::Result<u64> {
        let mut read = 0;
        for part in parts {
            let (_, length) = self.within(&part);
            if length <= room - read {
                self.fill(file, part)?;
                read += length;
            }
        }
        Ok(read)
    }

    /// Reads a range of the file to its place; what lies behind the end stays zero.
    fn fill(&mut self, file: &File, part: Range<u64>) -> io::Result<()> {
        let (place, _) = self.within(&part);
        let Some(mut buffer) = self.bytes.get_mut(place) else {
            return Ok(());
        };
        let mut offset = part.start;
        while !buffer.is_empty() {
            let count = match file.read_at(buffer, offset) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            offset += count as u64;
            buffer = &mut buffer[count..];
        }
        Ok(())
    }

    /// Where the names of the sections are.
    fn section_names(&self) -> Option<Range<u64>> {
        let bytes = &*self.bytes;
        let header = FileHeader64::<LittleEndian>::parse(bytes).ok()?;
        let sections = header.section_headers(LittleEndian, bytes).ok()?;
        let index = header.shstrndx(LittleEndian, bytes).ok()?;
        let names = sections.get(index as usize)?;
        range(names.sh_offset(LittleEndian), names.sh_size(LittleEndian))
    }

    /// Where the compilers named themselves.
    fn comment(&self) -> Option<Range<u64>> {
        let (_, comment) = self
            .section_table()
            .section_by_name(LittleEndian, b".comment")?;
        range(
            comment.sh_offset(LittleEndian),
            comment.sh_size(LittleEndian),
        )
    }

    /// Empty if it is damaged.
    fn section_table(&self) -> SectionTable<'_, FileHeader64<LittleEndian>> {
        let bytes = &*self.bytes;
        let parse = || {
            let header = FileHeader64::<LittleEndian>::parse(bytes).ok()?;
            header.sections(LittleEndian, bytes).ok()
        };
        parse().unwrap_or_default()
    }

    /// Sections with data of the program, the most important ones first.
    fn sections(&self) -> Vec<Range<u64>> {
        let table = self.section_table();
        let wanted = table.iter().filter(|section| {
            let flags = section.sh_flags(LittleEndian).0;
            let is_data = flags & SHF_ALLOC.0 != 0 && flags & SHF_EXECINSTR.0 == 0;
            is_data && section.sh_type(LittleEndian) != SHT_NOBITS
        });
        let mut wanted: Vec<_> = wanted.collect();
        wanted.sort_by_cached_key(|section| {
            let name = table
                .section_name(LittleEndian, section)
                .unwrap_or_default();
            (!TABLES.contains(&name), section.sh_size(LittleEndian))
        });
        let ranges = wanted.into_iter().filter_map(|section| {
            let (start, size) = (
                section.sh_offset(LittleEndian),
                section.sh_size(LittleEndian),
            );
            range(start, size)
        });
        ranges.collect()
    }
}

fn range(start: u64, size: u64) -> Option<Range<u64>> {
    Some(start..start.checked_add(size)?)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::Write as _;
    use std::time::{Duration, Instant};

    use super::*;

    fn read(file: &File) -> Skeleton {
        Skeleton::read(file, file.metadata().unwrap().len()).unwrap()
    }

    #[test]
    fn a_skeleton_tells_what_the_file_tells() {
        let whole = std::fs::read("/proc/self/exe").unwrap();
        let skeleton = read(&File::open("/proc/self/exe").unwrap());
        assert_eq!((whole.len(), 0), (skeleton.bytes.len(), skeleton.missing));
        let facts = |bytes: &[u8]| {
            let binary = go::Binary::parse(bytes).unwrap();
            (
                binary.build_id,
                binary.pie,
                binary.stripped,
                binary.is_go,
                binary.arch,
            )
        };
        assert_eq!(facts(&skeleton.bytes), facts(&whole));
        let comment = skeleton.within(&skeleton.comment().unwrap()).0;
        assert_eq!(skeleton.bytes[comment.clone()], whole[comment]);
        // Code and debug information, most of the file, were not read.
        let empty = |bytes: &[u8]| {
            let pages = bytes.chunks(4096);
            pages
                .filter(|page| page.iter().all(|byte| *byte == 0))
                .count()
        };
        assert!(empty(&skeleton.bytes) > empty(&whole) + whole.len() / 4096 / 4);
    }

    /// An ELF file of `size` bytes, most of them holes, with these sections of data behind the header.
    fn sparse(sections: &[(&str, u64)], size: u64) -> File {
        let mut names = vec![0];
        let mut headers = vec![[0_u64; 8]];
        let mut offset = 4096;
        for (name, length) in sections {
            headers.push([
                names.len() as u64 | 1 << 32,
                SHF_ALLOC.0,
                0,
                offset,
                *length,
                0,
                1,
                0,
            ]);
            names.extend(name.bytes().chain([0]));
            offset += length;
        }
        headers.push([3 << 32, 0, 0, 1024, names.len() as u64, 0, 1, 0]);
        let mut bytes = vec![0; 1024];
        bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        bytes[16..20].copy_from_slice(&[2, 0, 62, 0]);
        bytes[40] = 64;
        bytes[52..64].copy_from_slice(&[
            64,
            0,
            56,
            0,
            0,
            0,
            64,
            0,
            headers.len() as u8,
            0,
            headers.len() as u8 - 1,
            0,
        ]);
        for (index, word) in headers.iter().flatten().enumerate() {
            bytes[64 + index * 8..][..8].copy_from_slice(&word.to_le_bytes());
        }
        bytes.extend(names);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.set_len(size).unwrap();
        // Something to see at the start of each section.
        let mut offset = 4096;
        for (_, length) in sections {
            file.write_all_at(b"here", offset).unwrap();
            offset += length;
        }
        file
    }

    #[test]
    fn of_too_much_data_the_tables_come_first() {
        let file = sparse(
            &[
                (".rodata", 200 << 20),
                (".gopclntab", 90 << 20),
                (".data", 1 << 20),
                (".large", 10 << 20),
            ],
            400 << 20,
        );
        let start = Instant::now();
        let skeleton = read(&file);
        let is_there = |offset: usize| &skeleton.bytes[4096 + offset..][..4] == b"here";
        assert!(is_there(200 << 20), "pclntab");
        assert!(is_there(290 << 20), "small data");
        assert!(!is_there(0) && !is_there(291 << 20), "the rest");
        assert_eq!(skeleton.missing, 210 << 20);
        assert!(
            start.elapsed() < Duration::from_secs(1),
            "{:?}",
            start.elapsed()
        );
    }

    #[test]
    fn headers_that_lie_about_their_place_are_no_harm() {
        let whole = std::fs::read("/proc/self/exe").unwrap();
        for at in 0..64 {
            for byte in [0, 0x7f, 0xff] {
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(&whole[..8192]).unwrap();
                file.write_all_at(&[byte], at).unwrap();
                assert_eq!(read(&file).bytes.len(), 8192);
            }
        }
    }
}
