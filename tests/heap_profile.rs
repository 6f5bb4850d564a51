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

fn release(number: &str) -> Result<()> {
    let mut minors = GoVersion::MINORS.iter();
    let go = *minors
        .find(|go| go.language() == number)
        .expect("one of the releases");
    let more: &[&[Flag]] = if ALL_WAYS.contains(&number) {
        SOMETIMES
    } else {
        &[]
    };
    for flags in ALWAYS.iter().chain(more) {
        Cell::of(go, flags).check()?;
    }
    Cell::of(go, &[]).before_any_collection().check()
}

/// A test of its own for each release, so that the harness runs them side by side.
macro_rules! releases {
    ($($name:ident $number:literal)*) => {
        $(#[test]
        fn $name() -> Result<()> {
            release($number)
        })*

        #[test]
        fn no_release_is_left_out() {
            let tested = [$($number),*];
            let known = GoVersion::MINORS.iter().map(|go| go.language());
            assert!(known.eq(tested), "{tested:?}");
        }
    };
}

releases! {
    go_1_11 "1.11"
    go_1_12 "1.12"
    go_1_13 "1.13"
    go_1_14 "1.14"
    go_1_15 "1.15"
    go_1_16 "1.16"
    go_1_17 "1.17"
    go_1_18 "1.18"
    go_1_19 "1.19"
    go_1_20 "1.20"
    go_1_21 "1.21"
    go_1_22 "1.22"
    go_1_23 "1.23"
    go_1_24 "1.24"
    go_1_25 "1.25"
    go_1_26 "1.26"
    go_1_27 "1.27"
}
