//! Finds pclntab and the tables it refers to, with or without section headers and symbols.
//!
//! ```text
//! named section, magic number, or structure alone ─▶ candidates ─▶ the one that moduledata names
//! ```

use super::Table;
use super::candidate::Candidate;
use super::layout;
use super::module_data::ModuleData;
use crate::go::Error;
use crate::go::bytes::u32_at;
use crate::go::image::Image;

/// The linker aligns pclntab to 16 or 32 bytes, an obfuscator at least to this.
const ALIGNMENT: usize = 8;

/// Places that look like the header of pclntab and are tried, and those that pass.
const MAX_TRIED: usize = 4096;
const MAX_CANDIDATES: usize = 16;

const SECTIONS: [&[u8]; 2] = [b".gopclntab", b".data.rel.ro.gopclntab"];

/// Where a table without a section is searched for, and how.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// In segments of code rather than in those of data.
    code: bool,
    /// By structure alone.
    overwritten: bool,
}

const PLACES: [Place; 4] = [
    place(false, false),
    place(true, false),
    place(false, true),
    place(true, true),
];

const fn place(code: bool, overwritten: bool) -> Place {
    Place { code, overwritten }
}

impl Table {
    /// Finds and opens the table of an executable; `Ok(None)` when it has none.
    pub(in crate::go) fn find(image: &Image<'_>) -> Result<Option<Self>, Error> {
        let section = SECTIONS.iter().find_map(|name| image.section(name));
        let named = section.and_then(|section| Candidate::examine(image, section.address, true));
        let whole = named.is_some();
        let mut candidates = Vec::from_iter(named);
        let mut agreeing = ModuleData::find(image, &candidates);
        // The system's linker merges it into another section of a PIE, and without headers of sections
        // data may lie in the segment of the code. A program may hold a copy of another one.
        for place in PLACES {
            if whole || agreeing.is_some() {
                break;
            }
            // Sections of data were searched with the data.
            if place.code && !image.sections.is_empty() {
                continue;
            }
            candidates.extend(search(image, place));
            agreeing = ModuleData::find(image, &candidates);
        }
        let (index, module) = match agreeing {
            Some((index, module)) => (index, Some(module)),
            None => (0, None),
        };
        if index >= candidates.len() {
            return Ok(None);
        }
        let found = candidates.swap_remove(index);
        found.open(image, module, whole).map(Some)
    }
}

/// What passes for a pclntab in some segments.
fn search<'d>(image: &Image<'d>, place: Place) -> Vec<Candidate<'d>> {
    let Place { code, overwritten } = place;
    let segments = image.searched(move |segment| segment.executable == code);
    let headers = segments.flat_map(|(address, bytes)| {
        let places = (0..bytes.len()).step_by(ALIGNMENT);
        places
            .filter(move |at| is_header(&bytes[*at..], overwritten))
            .filter_map(move |at| address.checked_add(at as u64))
    });
    headers
        .take(MAX_TRIED)
        .filter_map(|address| Candidate::examine(image, address, overwritten))
        .take(MAX_CANDIDATES)
        .collect()
}

/// Magic, two zero bytes, a plausible instruction size, 8 bytes to a pointer.
fn is_header(bytes: &[u8], any_magic: bool) -> bool {
    bytes
        .get(4..8)
        .is_some_and(|rest| matches!(rest, [0, 0, 1 | 2 | 4, 8]))
        && (any_magic
            || matches!(
                u32_at(bytes, 0),
                Some(
                    layout::MAGIC_1_2
                        | layout::MAGIC_1_16
                        | layout::MAGIC_1_18
                        | layout::MAGIC_1_20
                )
            ))
}
