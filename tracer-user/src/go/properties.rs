//! Tests: each parser of tables, given anything at all.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fmt::Debug;

use proptest::collection::vec;
use proptest::prelude::*;

use super::build_info::{parse_modules, take_string};
use super::bytes::{string_at, take_varint};
use super::image::Image;
use super::notes;

/// An ELF header that is right, with these headers and whatever follows.
fn elf(segments: u16, sections: u16, rest: &[u8]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(64, 0);
    file[16..20].copy_from_slice(&[3, 0, 62, 0]);
    file[32] = 64;
    file[54] = 56;
    file[56..58].copy_from_slice(&segments.to_le_bytes());
    file[40..48].copy_from_slice(&(64 + u64::from(segments) * 56).to_le_bytes());
    file[58] = 64;
    file[60..62].copy_from_slice(&sections.to_le_bytes());
    file.extend_from_slice(rest);
    file
}

/// Words that headers are made of: mostly small, so that they point into the file.
fn words(count: usize) -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        4 => 0_u64..4096,
        2 => 0_u64..8,
        1 => any::<u64>(),
        1 => (u64::MAX - 4096)..u64::MAX,
    ];
    vec(word, 0..count).prop_map(|words| words.into_iter().flat_map(u64::to_le_bytes).collect())
}

/// Keeps the compiler from leaving out what is looked at.
fn used(value: impl Debug) {
    assert!(!format!("{value:?}").is_empty());
}

proptest! {
    #[test]
    fn numbers_end(bytes in vec(any::<u8>(), 0..64)) {
        let mut rest = &bytes[..];
        let mut taken = 0;
        while take_varint(&mut rest).is_some() {
            taken += 1;
        }
        prop_assert!(taken <= bytes.len());
    }

    #[test]
    fn strings_lie_inside(bytes in vec(0_u8..4, 0..64), offset in 0_usize..80, limit in 0_usize..80) {
        match string_at(&bytes, offset, limit) {
            None => prop_assert!(offset > bytes.len()),
            Some(string) => {
                prop_assert!(string.len() <= limit && !string.contains(&0));
                prop_assert!(bytes[offset..].starts_with(string));
            }
        }
    }

    #[test]
    fn build_information(bytes in vec(any::<u8>(), 0..512), lines in "(\t|\n|mod|dep|=>|[a-z./]){0,200}") {
        let mut rest = &bytes[..];
        while let Some(string) = take_string(&mut rest, 64) {
            prop_assert!(string.len() <= 64);
        }
        used(parse_modules(&bytes));
        let info = parse_modules(lines.as_bytes());
        prop_assert!(info.dependencies.is_sorted());
    }

    #[test]
    fn notes_of_any_size(bytes in words(64)) {
        let mut file = elf(1, 0, &[4, 0, 0, 0, 4, 0, 0, 0]);
        for word in [120_u64, 120, 120, bytes.len() as u64, bytes.len() as u64, 4] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&bytes);
        let image = Image::parse(&file).unwrap();
        let id = notes::build_id(&image).unwrap_or_default();
        prop_assert!(id.len() <= 3 * 256);
    }

    #[test]
    fn headers_of_files(
        segments in 0_u16..6,
        sections in 0_u16..6,
        rest in words(200),
        addresses in vec(0_u64..5000, 8),
    ) {
        let file = elf(segments, sections, &rest);
        let Ok(image) = Image::parse(&file) else {
            return Ok(());
        };
        for address in addresses {
            if let Some(bytes) = image.bytes_at(address) {
                prop_assert!(!bytes.is_empty() && bytes.len() <= file.len());
                let relocated = image.relocated(address, bytes.len()).unwrap();
                prop_assert_eq!(relocated.len(), bytes.len());
            }
            used((image.pointer(address), image.go_string(address, 100)));
            prop_assert!(image.words_equal_to(&[address], 3).len() <= 3);
        }
        used((image.is_pie(), image.needs_libraries(), image.section(b".data")));
    }

    #[test]
    fn parts_lie_apart(segments in 0_u16..6, sections in 0_u16..6, rest in words(200)) {
        let parts = super::parts(&elf(segments, sections, &rest));
        prop_assert!(parts.windows(2).all(|pair| pair[0].end < pair[1].start));
    }
}
