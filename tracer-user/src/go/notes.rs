//! Build ids, from the notes of an ELF file.

use std::fmt::Write;

use object::elf;

use super::bytes::u32_at;
use super::image::Image;

/// Linkers write 8 to 64 bytes, Go 83 characters.
const MAX_BUILD_ID: usize = 256;

/// Areas of notes, and bytes of each, that are searched; real files have three of a hundred bytes.
const MAX_AREAS: usize = 64;
const MAX_AREA: usize = 64 << 10;

/// Note type of Go's own build id (`cmd/link/internal/ld/elf.go`, `ELF_NOTE_GOBUILDID_TAG`).
const NT_GO_BUILD_ID: u32 = 4;

/// The GNU build id in hex, else Go's build id.
pub(super) fn build_id(image: &Image<'_>) -> Option<String> {
    let areas: Vec<&[u8]> = image
        .segments_of(elf::PT_NOTE.0)
        .map(|segment| image.contents(segment))
        // Go lists only one of its notes in the program headers.
        .chain(image.sections.iter().filter_map(|section| {
            (section.loaded && section.kind == elf::SHT_NOTE.0)
                .then(|| image.bytes_at(section.address))?
        }))
        .take(MAX_AREAS)
        .map(|area| &area[..area.len().min(MAX_AREA)])
        .collect();
    let gnu = find(&areas, b"GNU\0", elf::NT_GNU_BUILD_ID.0).map(|id| {
        id.iter()
            .fold(String::with_capacity(id.len() * 2), |mut hex, byte| {
                // Writing to a `String` cannot fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    });
    gnu.or_else(|| {
        let id = find(&areas, b"Go\0\0", NT_GO_BUILD_ID)?;
        Some(String::from_utf8_lossy(id).into_owned())
    })
}

/// The contents of the first note of this owner and type.
fn find<'d>(areas: &[&'d [u8]], owner: &[u8], kind: u32) -> Option<&'d [u8]> {
    areas.iter().find_map(|area| {
        let mut rest = *area;
        while let Some((note, after)) = take_note(rest) {
            if note.owner == owner
                && note.kind == kind
                && (1..=MAX_BUILD_ID).contains(&note.contents.len())
            {
                return Some(note.contents);
            }
            rest = after;
        }
        None
    })
}

struct Note<'d> {
    owner: &'d [u8],
    kind: u32,
    contents: &'d [u8],
}

/// Splits the first note off `data`; its parts are padded to 4 bytes.
fn take_note(data: &[u8]) -> Option<(Note<'_>, &[u8])> {
    let owner_len = u32_at(data, 0)? as usize;
    let contents_len = u32_at(data, 4)? as usize;
    let kind = u32_at(data, 8)?;
    let contents_at = 12_usize.checked_add(owner_len.checked_next_multiple_of(4)?)?;
    let end = contents_at.checked_add(contents_len)?;
    let note = Note {
        owner: data.get(12..)?.get(..owner_len)?,
        kind,
        contents: data.get(contents_at..end)?,
    };
    Some((
        note,
        data.get(end.next_multiple_of(4)..).unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn notes_are_found_behind_others() {
        let area =
            b"\x04\0\0\0\x02\0\0\0\x01\0\0\0GNU\0xy\0\0\x03\0\0\0\x03\0\0\0\x03\0\0\0Xy\0\0abc\0\
                     \x04\0\0\0\x03\0\0\0\x03\0\0\0GNU\0\xab\xcd\xef";
        assert_eq!(find(&[area], b"GNU\0", 3), Some(&b"\xab\xcd\xef"[..]));
        assert_eq!(find(&[area], b"Go\0\0", 4), None);
        assert_eq!(find(&[&[0xff; 64]], b"GNU\0", 3), None);
    }
}
