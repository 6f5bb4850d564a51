//! Tests: all ways to look up an address give the same answer.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::super::damage::toolchain::{Build, Toolchain};
use super::super::{Frame, Table};
use crate::go::Binary;

fn table(version: &str) -> Table {
    let directory = tempfile::tempdir().unwrap();
    let path = Toolchain::get(version).build(directory.path(), Build::default());
    let binary = Binary::parse(&std::fs::read(path).unwrap()).unwrap();
    binary.table.unwrap()
}

/// Inside and outside of functions, some of them twice.
fn addresses(table: &Table) -> Vec<u64> {
    let text = table.text_range();
    let mut addresses: Vec<u64> = text.clone().step_by(13).collect();
    addresses.extend(table.functions().map(|(entry, _)| entry));
    addresses.extend([0, text.start - 1, text.end, u64::MAX]);
    addresses
}

#[test]
fn a_batch_in_any_order_is_what_single_lookups_are() {
    for version in ["1.11.13", "1.15.15", "1.16.15", "1.18.10", "1.26.8"] {
        let table = table(version);
        let unordered = addresses(&table);
        let mut ordered = unordered.clone();
        ordered.sort_unstable();
        for pcs in [unordered, ordered] {
            let mut answers: Vec<Option<Vec<Frame<'_>>>> = vec![None; pcs.len()];
            table.lookup_all(&pcs, |index, frames| {
                assert!(answers[index].is_none(), "visited twice");
                answers[index] = Some(frames.to_vec());
            });
            let mut inlined = 0;
            for (pc, answer) in pcs.iter().zip(answers) {
                let single = table.lookup(*pc);
                inlined += usize::from(single.len() > 1);
                assert_eq!(answer, Some(single), "{version} {pc:#x}");
            }
            assert!(inlined > 1000, "{version}: {inlined} inlined calls");
        }
    }
}

#[test]
fn what_is_remembered_is_what_was_found() {
    let table = table("1.26.8");
    let mut lookups = table.lookups();
    let addresses = addresses(&table);
    for _ in 0..2 {
        for pc in &addresses {
            assert_eq!(lookups.frames(*pc), table.lookup(*pc), "{pc:#x}");
        }
    }
}

#[test]
fn the_memory_is_bounded() {
    let table = table("1.26.8");
    let mut lookups = table.lookups();
    for pc in 0..300_000 {
        lookups.frames(pc);
        assert!(lookups.known.len() <= super::MAX_KNOWN);
    }
    let text = table.text_range();
    for pc in text.clone().chain(text).take(500_000) {
        lookups.frames(pc);
        assert!(lookups.frames.len() <= super::MAX_KNOWN + 101);
    }
}
