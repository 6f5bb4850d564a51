//! Go symbols against real programs, and against what Go's own tools and DWARF say about them.

#![expect(clippy::unwrap_used, reason = "tests")]

mod go_symbols {
    pub(crate) mod toolchain;
}

use std::path::Path;

use blazesym::symbolize::source::{Elf, Source};
use blazesym::symbolize::{CodeInfo, Input};
use go_symbols::toolchain::{Build, Toolchain};
use tracer_user::go::{Binary, Table};

const VERSIONS: [&str; 4] = ["1.15.15", "1.16.15", "1.20.14", "1.26.8"];

fn parse(path: &Path) -> (Binary, Table) {
    let mut binary = Binary::parse(&std::fs::read(path).unwrap()).unwrap();
    let table = binary.table.take().unwrap();
    (binary, table)
}

/// Every function's entry, and addresses inside it.
fn addresses(table: &Table, step: usize) -> Vec<u64> {
    let text = table.text_range();
    let mut all: Vec<u64> = table.functions().map(|(entry, _)| entry).collect();
    all.extend(text.step_by(step));
    all.sort_unstable();
    all.dedup();
    all
}

/// What `go tool addr2line` prints: the outer function, the innermost line.
fn as_addr2line(table: &Table, pc: u64) -> (String, String) {
    let frames = table.lookup(pc);
    let (Some(inner), Some(outer)) = (frames.first(), frames.last()) else {
        return ("?".to_owned(), "?:0".to_owned());
    };
    let file = if inner.file.is_empty() { "?" } else { &inner.file };
    (outer.function.clone().into_owned(), format!("{file}:{}", inner.line))
}

#[test]
fn equal_to_go_tool_addr2line() {
    for version in VERSIONS {
        let directory = tempfile::tempdir().unwrap();
        let toolchain = Toolchain::get(version);
        for build in [Build::default(), Build { pie: true, ..Build::default() }, Build { cgo: true, ..Build::default() }] {
            let path = toolchain.build(directory.path(), build);
            let (_, table) = parse(&path);
            let addresses = addresses(&table, 7);
            assert!(addresses.len() > 30_000, "{}", addresses.len());
            let expected = toolchain.addr2line(&path, &addresses);
            let mut wrong = 0;
            for (pc, expected) in addresses.iter().zip(expected) {
                let found = as_addr2line(&table, *pc);
                if found != expected { wrong += 1; if wrong < 10 { println!("{version} {build:?} {pc:#x}: {found:?} {expected:?}"); } }
            }
            println!("{version} {build:?} wrong {wrong} of {}", addresses.len());
        }
    }
}
