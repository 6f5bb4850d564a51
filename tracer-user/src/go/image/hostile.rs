//! Tests: files that are small or cheap to forge, and must be as cheap to refuse.

use std::time::{Duration, Instant};

use crate::go::{Binary, Error};

const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;
const NOTE: u32 = 4;

/// An ELF file with these segments (kind, offset and address, size) and `size` bytes.
fn elf(segments: &[(u32, u64, u64)], size: usize) -> Vec<u8> {
    let mut file = vec![0; size];
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    file[16..20].copy_from_slice(&[2, 0, 62, 0]);
    file[32] = 64;
    file[54] = 56;
    file[56..58].copy_from_slice(&(segments.len() as u16).to_le_bytes());
    for (index, (kind, offset, length)) in segments.iter().enumerate() {
        let at = 64 + index * 56;
        file[at..at + 4].copy_from_slice(&kind.to_le_bytes());
        for (field, value) in [(8, offset), (16, offset), (32, length), (40, length)] {
            file[at + field..at + field + 8].copy_from_slice(&value.to_le_bytes());
        }
    }
    file
}

/// Parses within two seconds, optimized or not.
#[track_caller]
fn check(file: &[u8], expected: Result<bool, Error>) {
    let start = Instant::now();
    assert_eq!(Binary::parse(file).map(|binary| binary.is_go), expected);
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn thousands_of_segments_over_the_same_bytes() {
    let size = 8 << 20;
    check(
        &elf(&vec![(LOAD, 0, size); 1000], size as usize),
        Err(Error::Damaged("overlapping segments")),
    );
    check(&elf(&vec![(NOTE, 0, size); 1000], size as usize), Ok(false));
    check(
        &elf(&vec![(DYNAMIC, 0, size); 1000], size as usize),
        Ok(false),
    );
    check(
        &elf(&[(LOAD, 0, u64::MAX), (LOAD, 0, u64::MAX)], 4096),
        Err(Error::Damaged("overlapping segments")),
    );
}

#[test]
fn thousands_of_headers_of_tables() {
    let size = 4 << 20;
    let mut file = elf(&[(LOAD, 4096, size - 4096)], size as usize);
    for at in (4096..size as usize).step_by(16) {
        file[at..at + 8].copy_from_slice(&[0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8]);
        // As many functions as it takes to reach the end.
        file[at + 8..at + 16].copy_from_slice(&1_000_u64.to_le_bytes());
    }
    check(&file, Ok(false));
}

#[test]
fn what_is_no_elf_file_of_64_bits() {
    check(b"#!/bin/sh\n", Err(Error::NotElf));
    check(b"", Err(Error::NotElf));
    check(b"\x7fELF\x02\x01", Err(Error::Damaged("file header")));
    check(&elf(&[], 64), Ok(false));
    let mut narrow = elf(&[], 64);
    (narrow[4], narrow[18]) = (1, 3);
    check(&narrow, Err(Error::Unsupported("386 (32 bits)")));
}
