//! The seed of the fuzz targets.

use std::path::Path;

use tracer_user::go::{Binary, Table};

use super::program::built;
use crate::mini::{self, Format, Model};
use crate::toolchain::Build;

/// Few enough for some KiB: nested inlining, loops, a function without calls.
const FUNCTIONS: &[&str] = &[
    "fmt.getField",
    "main.extra",
    "main.allocate",
    "main.recurse",
];

fn table(file: &[u8]) -> Table {
    Binary::parse(file).unwrap().table.unwrap()
}

#[test]
fn the_seed_holds_real_functions() {
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/seeds/program.elf");
    if std::env::var_os("TRACER_WRITE_SEEDS").is_some() {
        let program = std::fs::read(built("1.26.8", Build::default())).unwrap();
        let functions = Model::of(&table(&program), FUNCTIONS);
        std::fs::write(&seed, mini::build(&functions, Format::Go26).file).unwrap();
    }
    let found = Model::of(&table(&std::fs::read(seed).unwrap()), FUNCTIONS);
    let names: Vec<&str> = found.functions.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, FUNCTIONS);
    let calls = found.functions.iter().map(|function| function.calls.len());
    assert_eq!(calls.collect::<Vec<_>>(), [3, 4, 4, 0]);
}
