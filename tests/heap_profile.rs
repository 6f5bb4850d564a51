//! `tracer heap` against the profile that the program writes of itself with `runtime/pprof`.
//!
//! ```text
//! tests/programs/heap_profile ─ holds still ─┬▶ tracer heap ─▶ ours.pb.gz ─┐
//!                                            └▶ WriteTo(0) ──▶ own.pb.gz ──┴▶ go tool pprof -raw ─▶ the same
//! ```
//!
//! Every record is compared: its stack by function, file and line, the size of its objects, and its
//! four numbers. Each passed cell prints a line, past the capture of the test harness.

mod heap_profile {
    pub(crate) mod cell;
    pub(crate) mod daemon;
    pub(crate) mod raw;
    pub(crate) mod recorded;
    pub(crate) mod refusals;
}

use anyhow::Result;
use heap_profile::cell::Cell;
use tracer_tests::{Flag, GoVersion};

/// Ways to link that every release is tested with.
const ALWAYS: &[&[Flag]] = &[&[], &[Flag::Stripped]];
/// Those that only some are.
const SOMETIMES: &[&[Flag]] = &[
    &[Flag::Pie],
    &[Flag::Pie, Flag::Stripped],
    &[Flag::Cgo],
    &[Flag::Cgo, Flag::Stripped],
];
/// Releases with new layouts, and the newest.
const ALL_WAYS: &[&str] = &["1.15", "1.20", "1.24", "1.26", "1.27"];

fn release(go: GoVersion) -> Result<()> {
    let more: &[&[Flag]] = if ALL_WAYS.contains(&go.language()) {
        SOMETIMES
    } else {
        &[]
    };
    for flags in ALWAYS.iter().chain(more) {
        Cell::of(go, flags).check()?;
    }
    Cell::of(go, &[]).before_any_collection().check()
}

tracer_tests::releases!(release);
