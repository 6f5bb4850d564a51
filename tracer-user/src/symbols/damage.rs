//! What of a file is missing, so that an incomplete answer can say so.

use object::LittleEndian;
use object::elf::{FileHeader64, PT_LOAD, SHT_NOBITS};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};

use super::skeleton::Skeleton;
use crate::go::Binary;

/// Why names may be missing in a file that says `binary`.
pub(super) fn of(skeleton: &Skeleton, binary: &Binary) -> Option<String> {
    let bytes = &*skeleton.bytes;
    if let Some(part) = first_behind_the_end(bytes) {
        let size = bytes.len();
        return Some(format!(
            "the file ends at byte {size}, before the end of its {part}"
        ));
    }
    if skeleton.missing > 0 {
        let missing = skeleton.missing >> 20;
        return Some(format!(
            "{missing} MiB of its data were not read: it is too much"
        ));
    }
    if let Some(packer) = binary.packed {
        return Some(format!(
            "it is packed by {packer}: its code is there only while it runs"
        ));
    }
    if binary.is_go && binary.table.is_none() {
        return Some("its function table (pclntab) is missing or damaged".to_owned());
    }
    let words = "its function table (pclntab) was obfuscated: names may say nothing";
    binary.obfuscated.then(|| words.to_owned())
}

/// What the headers promise and the file does not hold.
fn first_behind_the_end(bytes: &[u8]) -> Option<String> {
    let outside = |offset: u64, size: u64| {
        let end = offset.checked_add(size);
        end.is_none_or(|end| end > bytes.len() as u64)
    };
    let header = FileHeader64::<LittleEndian>::parse(bytes).ok()?;
    let segments = header.program_headers(LittleEndian, bytes).ok()?;
    let cut = segments.iter().find(|segment| {
        let size = segment.p_filesz(LittleEndian);
        let (kind, offset) = (segment.p_type(LittleEndian), segment.p_offset(LittleEndian));
        kind == PT_LOAD && size > 0 && outside(offset, size)
    });
    if let Some(segment) = cut {
        return Some(format!("segment at {:#x}", segment.p_vaddr(LittleEndian)));
    }
    let Ok(sections) = header.section_headers(LittleEndian, bytes) else {
        return Some("section headers".to_owned());
    };
    let cut = sections.iter().position(|section| {
        let (offset, size) = (
            section.sh_offset(LittleEndian),
            section.sh_size(LittleEndian),
        );
        section.sh_type(LittleEndian) != SHT_NOBITS && outside(offset, size)
    })?;
    let name = || {
        let names = header.section_strings(LittleEndian, bytes, sections).ok()?;
        let name = sections.get(cut)?.name(LittleEndian, names).ok()?;
        std::str::from_utf8(name)
            .ok()
            .filter(|name| (1..=64).contains(&name.len()))
    };
    Some(name().map_or_else(
        || format!("section {cut}"),
        |name| format!("section {name}"),
    ))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
