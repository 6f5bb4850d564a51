//! Headers, segments, sections, dynamic section, relocations: of a real program, or anything.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_fuzz::{ask, patch};

const HEADER: usize = 64;

/// A type of the headers and tables that follow: `ET_DYN`, x86-64 or arm64, so many of each.
type Counts = (bool, u8, u8);

fuzz_target!(|input: (Counts, &[u8], &[u8])| {
    let ((arm, segments, sections), patches, tables) = input;
    let areas = ["file header", "program headers", "module data"];
    if let Some((mini, file)) = patch::patched(patches, &areas) {
        ask::everything(&file, &[mini.text.start]);
    }
    // Sixteen of each are enough to overlap; what they say is in `tables`.
    let (segments, sections) = (u16::from(segments % 16), u16::from(sections % 16));
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(HEADER, 0);
    let sections_at = HEADER as u64 + 56 * u64::from(segments);
    file[16..20].copy_from_slice(&[3, 0, if arm { 183 } else { 62 }, 0]);
    file[32] = HEADER as u8;
    file[40..48].copy_from_slice(&sections_at.to_le_bytes());
    file[54] = 56;
    file[56..58].copy_from_slice(&segments.to_le_bytes());
    file[58] = 64;
    file[60..62].copy_from_slice(&sections.to_le_bytes());
    file.extend_from_slice(tables);
    ask::everything(&file, &[0, 0x1000]);
});
