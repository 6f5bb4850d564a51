//! Tests: tables of real programs with bits flipped, in every format.

#![expect(clippy::unwrap_used, reason = "tests")]

use toolchain::{Build, Toolchain};

use super::Table;
use crate::go::Binary;

#[expect(dead_code, reason = "the integration tests use the rest")]
#[path = "../../../tests/go_symbols/toolchain.rs"]
pub(super) mod toolchain;

const MUTATIONS: usize = 10_000;

/// A generator whose numbers are the same in every run (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// Flips a few bits, asks, and flips them back.
fn damage(table: &mut Table, random: &mut Random) {
    let functions = table.text_range();
    let size = (functions.end - functions.start) as usize;
    let function = table
        .records()
        .function(random.below(table.shape.count))
        .unwrap();
    // Near the function's record, in the function table, or anywhere.
    let length = table.bytes.len();
    let at = match random.below(4) {
        0 | 1 => (function.record + random.below(160)).min(length - 1),
        2 => {
            table.shape.parts.functions
                + random.below(table.shape.count * 2 * table.shape.layout.word)
        }
        _ => random.below(length),
    };
    let bit = 1 << random.below(8);
    let calls = table.inlined.as_ref().unwrap().bytes.len();
    let call_at = random.below(calls);
    table.bytes[at] ^= bit;
    table.inlined.as_mut().unwrap().bytes[call_at] ^= bit;
    for pc in [
        function.entry,
        function.entry + 20,
        functions.start + random.below(size) as u64,
    ] {
        assert!(table.lookup(pc).len() <= 101);
        let _ = (table.frameless(pc), table.function_entry(pc));
    }
    table.bytes[at] ^= bit;
    table.inlined.as_mut().unwrap().bytes[call_at] ^= bit;
}

#[test]
fn flipped_bits_are_survived_in_every_format() {
    let directory = tempfile::tempdir().unwrap();
    for version in ["1.15.15", "1.16.15", "1.20.14", "1.26.8"] {
        let path = Toolchain::get(version).build(directory.path(), Build::default());
        let mut table = Binary::parse(&std::fs::read(path).unwrap())
            .unwrap()
            .table
            .unwrap();
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for _ in 0..MUTATIONS {
            damage(&mut table, &mut random);
        }
        // Nothing was left behind.
        let main = table.function_range("main.main").unwrap();
        assert_eq!(table.lookup(main.start)[0].function, "main.main");
    }
}

#[test]
fn a_chain_of_calls_that_never_ends_is_cut() {
    let directory = tempfile::tempdir().unwrap();
    let path = Toolchain::get("1.26.8").build(directory.path(), Build::default());
    let mut table = Binary::parse(&std::fs::read(path).unwrap())
        .unwrap()
        .table
        .unwrap();
    let range = table.function_range("main.allocate").unwrap();
    let nested = range
        .clone()
        .find(|pc| table.lookup(*pc).len() == 4)
        .unwrap();
    // Every call's caller is where the innermost call is.
    let offset = u32::try_from(nested - range.start).unwrap().to_le_bytes();
    let function = table.function_at(nested).unwrap();
    let start =
        table.records().calls_pointer(function).unwrap() - table.inlined.as_ref().unwrap().base;
    let start = usize::try_from(start).unwrap();
    let bytes = &mut table.inlined.as_mut().unwrap().bytes;
    for call in bytes[start..].chunks_exact_mut(16).take(4) {
        call[8..12].copy_from_slice(&offset);
    }
    let frames = table.lookup(nested);
    assert_eq!(frames.len(), 2);
    assert!(!frames[1].inlined);
}
