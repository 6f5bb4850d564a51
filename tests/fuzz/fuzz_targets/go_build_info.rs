//! Build information with and without strings of its own, version variables and notes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_fuzz::{ask, elf};

/// Before the first string, by the flags in it (Go 1.18), or the addresses of two strings (Go 1.13).
const MAGIC: &[u8] = b"\xff Go buildinf:\x08";

/// Where `elf::with_sections` puts the first section, so that pointers can lead there.
const FIRST: u64 = 0x40_0080;

fuzz_target!(|input: (bool, &[u8], &[u8], &[u8])| {
    let (inline, info, strings, notes) = input;
    let mut header = MAGIC.to_vec();
    if inline {
        header.push(2);
        header.resize(32, 0);
    } else {
        header.push(0);
        for string in [FIRST, FIRST + 16] {
            header.extend_from_slice(&string.to_le_bytes());
        }
    }
    header.extend_from_slice(info);
    // Two strings of Go: address and length, then whatever they say.
    let mut data = Vec::new();
    for word in [
        FIRST + 32,
        info.len() as u64,
        FIRST + 33,
        strings.len() as u64,
    ] {
        data.extend_from_slice(&word.to_le_bytes());
    }
    data.extend_from_slice(strings);
    let file = elf::with_sections(&[
        (".data", &data),
        (".go.buildinfo", &header),
        (".note.go.buildid", notes),
        (".note.gnu.build-id", notes),
    ]);
    ask::everything(&file, &[]);
});
