//! Whole executables: cut off, with headers that claim too much.

use std::time::{Duration, Instant};

use tracer_user::go::{self, Binary};

use super::program::{ask, built};
use crate::toolchain::Build;

/// A release of each kind of table.
const VERSIONS: [&str; 4] = ["1.15.15", "1.16.15", "1.20.14", "1.26.8"];

const SLOWEST: Duration = Duration::from_secs(2);

/// What is asked of a file; the number of functions found.
#[track_caller]
fn exercise(file: &[u8]) -> Option<usize> {
    let start = Instant::now();
    let _ = go::parts(file);
    let binary = Binary::parse(file).ok()?;
    let text = binary.text.clone().unwrap_or_default();
    let size = text.end.saturating_sub(text.start);
    let pcs: Vec<u64> = (0..20).map(|part| text.start + size / 20 * part).collect();
    ask(&binary, &pcs);
    assert!(start.elapsed() < SLOWEST, "{:?}", start.elapsed());
    Some(binary.table?.function_count())
}

#[test]
fn cut_off_at_every_page() {
    for version in VERSIONS {
        for pie in [false, true] {
            let build = Build {
                stripped: true,
                pie,
                ..Build::default()
            };
            let whole = std::fs::read(built(version, build)).unwrap();
            let all = exercise(&whole).unwrap();
            let mut found = 0;
            for length in (0..whole.len()).step_by(4096) {
                let functions = exercise(&whole[..length]);
                assert!(functions.is_none_or(|functions| functions == all));
                found += usize::from(functions.is_some());
            }
            // As soon as the tables are there: the rest of the file is variables.
            assert!(found > 0, "{version} {build:?}");
        }
    }
}

#[test]
fn sections_that_claim_four_gibibytes() {
    for version in VERSIONS {
        let build = Build {
            stripped: true,
            ..Build::default()
        };
        let whole = std::fs::read(built(version, build)).unwrap();
        let word = |at: usize| u64::from_le_bytes(whole[at..at + 8].try_into().unwrap()) as usize;
        let (headers, count) = (word(40), usize::from(whole[60]));
        for section in 0..count {
            // Address, offset and size.
            for field in [16, 24, 32] {
                for claim in [4_u64 << 30, u64::MAX, u64::MAX - 4096] {
                    let mut file = whole.clone();
                    let at = headers + section * 64 + field;
                    file[at..at + 8].copy_from_slice(&claim.to_le_bytes());
                    exercise(&file);
                }
            }
        }
    }
}

#[test]
fn segments_that_claim_four_gibibytes() {
    let whole = std::fs::read(built("1.26.8", Build::default())).unwrap();
    let count = usize::from(whole[56]);
    for segment in 0..count {
        for field in [8, 16, 32, 40] {
            for claim in [4_u64 << 30, u64::MAX, u64::MAX - 4096] {
                let mut file = whole.clone();
                let at = 64 + segment * 56 + field;
                file[at..at + 8].copy_from_slice(&claim.to_le_bytes());
                exercise(&file);
            }
        }
    }
}

#[test]
fn without_section_headers_all_is_found() {
    for version in VERSIONS {
        for pie in [false, true] {
            let build = Build {
                stripped: true,
                pie,
                ..Build::default()
            };
            let whole = std::fs::read(built(version, build)).unwrap();
            let plain = Binary::parse(&whole).unwrap();
            let mut bare = whole.clone();
            bare[40..48].fill(0);
            bare[58..64].fill(0);
            let bare = Binary::parse(&bare).unwrap();
            assert_eq!(bare.go_version, plain.go_version);
            assert_eq!(bare.text, plain.text, "{version} {build:?}");
            assert!(!bare.obfuscated);
            let (bare, plain) = (bare.table.unwrap(), plain.table.unwrap());
            for pc in plain.text_range().step_by(97) {
                assert_eq!(bare.lookup(pc), plain.lookup(pc), "{version} {build:?}");
            }
        }
    }
}
