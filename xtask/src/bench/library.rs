//! Benches of our library, which `cargo bench` runs.

use std::ffi::OsStr;

use anyhow::{Context as _, Result};

use super::cell::Cell;
use crate::command::{cargo, logged};

/// What a bench of `tracer-user` prints.
pub(super) fn said<A: AsRef<OsStr>>(name: &str, args: &[A]) -> Result<String> {
    let mut bench = cargo(&[
        "bench",
        "--quiet",
        "-p",
        "tracer-user",
        "--bench",
        name,
        "--",
    ]);
    logged(bench.args(args)).with_context(|| format!("run the library's bench {name}"))
}

/// Its cells.
pub(super) fn cells<A: AsRef<OsStr>>(name: &str, args: &[A]) -> Result<Vec<Cell>> {
    said(name, args)?.lines().map(Cell::parse).collect()
}
