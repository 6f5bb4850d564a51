//! Files that debug information was split off into (`objcopy --only-keep-debug`).
//!
//! Looked for only below the root directory of the process, out of which no link leads: by build id,
//! then by the name that the file gives (`.gnu_debuglink`).

use std::fmt::Write as _;
use std::os::fd::OwnedFd;

use object::elf::{FileHeader64, SHT_SYMTAB};
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, Object};

use super::file::TargetFile;

/// Where distributions put them.
const DIRECTORY: &str = "/usr/lib/debug";

/// Names are those of files.
const MAX_NAME: usize = 255;

/// The file with the symbols of `file`, which lies at `path`, if there is one and it needs it.
pub(super) fn find(file: &TargetFile, path: &str, root: &OwnedFd) -> Option<TargetFile> {
    // The code is not read, and neither are sections that are not loaded.
    let skeleton = file.read_skeleton().ok()?;
    let link = Link::read(&skeleton.bytes, file)?;
    let found = |candidate: String| {
        let found = TargetFile::open_below(root, &candidate).ok()?;
        (found.id != file.id && link.fits(&found)).then_some(found)
    };
    link.candidates(path).into_iter().find_map(found)
}

/// How a file and its debug file know each other.
#[derive(Debug)]
struct Link {
    build_id: Option<Vec<u8>>,
    /// Name and checksum.
    debug_link: Option<(String, u32)>,
}

impl Link {
    /// `None` for a file that has its symbols.
    fn read(skeleton: &[u8], file: &TargetFile) -> Option<Self> {
        let header = FileHeader64::<Endianness>::parse(skeleton).ok()?;
        let endian = header.endian().ok()?;
        let sections = header.sections(endian, skeleton).ok()?;
        let mut debug_link = None;
        for section in sections.iter() {
            if section.sh_type(endian) == SHT_SYMTAB {
                return None;
            }
            if sections.section_name(endian, section).ok()? == b".gnu_debuglink" {
                debug_link = read_debug_link(file, section.sh_offset(endian));
            }
        }
        let elf = object::read::elf::ElfFile64::<Endianness>::parse(skeleton).ok()?;
        let build_id = elf.build_id().ok().flatten();
        Some(Self {
            build_id: build_id.filter(|id| id.len() > 1).map(<[u8]>::to_vec),
            debug_link,
        })
    }

    fn candidates(&self, path: &str) -> Vec<String> {
        let mut candidates = Vec::new();
        if let Some((first, rest)) = self.build_id.as_deref().and_then(<[u8]>::split_first) {
            let mut path = format!("{DIRECTORY}/.build-id/{first:02x}/");
            for byte in rest {
                // Writing to a `String` cannot fail.
                let _ = write!(path, "{byte:02x}");
            }
            candidates.push(path + ".debug");
        }
        if let (Some((name, _)), Some((directory, _))) = (&self.debug_link, path.rsplit_once('/')) {
            candidates.push(format!("{directory}/{name}"));
            candidates.push(format!("{directory}/.debug/{name}"));
            candidates.push(format!("{DIRECTORY}{directory}/{name}"));
        }
        candidates
    }

    /// An equal build id, else the checksum that the link demands.
    fn fits(&self, candidate: &TargetFile) -> bool {
        let build_id = || {
            let skeleton = candidate.read_skeleton().ok()?;
            let elf = object::read::elf::ElfFile64::<Endianness>::parse(&*skeleton.bytes).ok()?;
            elf.build_id().ok().flatten().map(<[u8]>::to_vec)
        };
        if self.build_id.is_some() {
            return build_id() == self.build_id;
        }
        let expected = self.debug_link.as_ref().map(|(_, checksum)| *checksum);
        expected.is_some() && candidate.checksum().ok() == expected
    }
}

/// The section: a name, zeros up to a multiple of four bytes, the CRC of the file of that name.
fn read_debug_link(file: &TargetFile, offset: u64) -> Option<(String, u32)> {
    let bytes = file.read_at(offset, MAX_NAME + 8).ok()?;
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let name = std::str::from_utf8(&bytes[..end]).ok()?;
    let checksum = bytes.get((end + 1).next_multiple_of(4)..)?.first_chunk()?;
    let is_name = !name.is_empty() && !name.contains('/') && name != "..";
    is_name.then(|| (name.to_owned(), u32::from_le_bytes(*checksum)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
