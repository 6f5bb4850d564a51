//! `cargo xtask test`: everything that has to hold before a change lands.

use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::command::{cargo, shown};
use crate::setup;

#[derive(Args)]
pub(crate) struct Options {
    /// Passed on to `cargo test`
    #[arg(last = true)]
    cargo_test: Vec<String>,
}

/// What cargo is asked for, and how a step is called.
type Step = (&'static str, &'static [&'static str]);

/// Each needs the one before.
const BUILD: &[Step] = &[
    ("format", &["fmt", "--all", "--check"]),
    (
        "lints",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "--deny",
            "warnings",
        ],
    ),
    ("release build", &["build", "--release", "--bin", "tracer"]),
];

/// All of them, even after one has failed: a run in CI is the only look at that machine.
///
/// The tests run in the dev profile, which builds faster; the tool they start is the release one.
const LOOKS: &[Step] = &[
    (TESTS, &["test", "--workspace", "--no-fail-fast"]),
    ("kernel matrix", &["xtask", "vm"]),
];

const TESTS: &str = "tests";

#[expect(clippy::print_stdout, reason = "progress")]
pub(crate) fn run(options: &Options) -> Result<()> {
    let start = Instant::now();
    setup::run()?;
    for step in BUILD {
        run_step(step, &[])?;
    }
    let looks: Vec<Result<()>> = LOOKS
        .iter()
        .map(|step| {
            let is_tests = step.0 == TESTS;
            run_step(step, if is_tests { &options.cargo_test } else { &[] })
        })
        .collect();
    looks.into_iter().collect::<Result<()>>()?;
    println!(
        "test: all {} steps passed ({:.0} s)",
        BUILD.len() + LOOKS.len(),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

#[expect(clippy::print_stdout, reason = "progress")]
fn run_step((name, args): &Step, more: &[String]) -> Result<()> {
    let start = Instant::now();
    println!("test: {name}: cargo {}", args.join(" "));
    let ran = shown(cargo(args).args(more));
    let outcome = if ran.is_ok() { "passed" } else { "failed" };
    println!(
        "test: {name} {outcome} ({:.1} s)",
        start.elapsed().as_secs_f64()
    );
    ran
}
