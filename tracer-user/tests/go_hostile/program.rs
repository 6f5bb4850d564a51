//! The program whose tables are damaged, and what is asked of it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use tracer_user::go::{Binary, Table};

use crate::mini::{Model, Place};
use crate::toolchain::{Build, Toolchain};

/// Functions of the test program with nested inlining, generics, closures, wrappers, loops.
const FUNCTIONS: &[&str] = &[
    "fmt.(*fmt).fmtQ",
    "fmt.getField",
    "main.(*named).area",
    "main.allocate",
    "main.extra",
    "main.main",
    "main.recurse",
    "sort.Slice",
    "sort.choosePivot_func",
];

/// The test program of this release; built once, and kept for the next run of the tests.
pub(super) fn built(version: &str, build: Build) -> PathBuf {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = BUILDING.lock();
    Toolchain::get(version).build(Path::new(env!("CARGO_TARGET_TMPDIR")), build)
}

/// Real functions of it.
pub(super) fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| {
        let file = std::fs::read(built("1.26.8", Build::default())).unwrap();
        let table = Binary::parse(&file).unwrap().table.unwrap();
        let model = Model::of(&table, FUNCTIONS);
        let calls = model.functions.iter().map(|function| function.calls.len());
        let (functions, calls) = (model.functions.len(), calls.sum::<usize>());
        assert!(
            functions == FUNCTIONS.len() && calls >= 15,
            "{functions} {calls}"
        );
        model
    })
}

/// The place of an offset in a function's code.
pub(super) fn place_at(places: &[Place], offset: u32) -> &Place {
    places.iter().find(|place| offset < place.end).unwrap()
}

/// Asks everything that a symbolizer asks; the answers must be small.
#[track_caller]
pub(super) fn ask(binary: &Binary, pcs: &[u64]) {
    let Some(table) = &binary.table else { return };
    let _ = (binary.address_of(0x1000), table.text_range());
    assert!(table.memory() <= 2 * table.pclntab_bytes() + (64 << 10) + size_of::<Table>());
    for pc in pcs {
        let depth = table
            .frames(*pc)
            .inspect(|frame| assert!(frame.function.len() + frame.file.len() <= 6 * 4096))
            .count();
        assert!(depth <= 101, "{depth} frames");
        let _ = (table.frameless(*pc), table.function_entry(*pc));
    }
    let mut visited = 0;
    table.lookup_all(pcs, |_, frames| {
        assert!(frames.len() <= 101);
        visited += 1;
    });
    assert_eq!(visited, pcs.len());
}
