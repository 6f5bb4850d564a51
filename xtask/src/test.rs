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

/// The tests run in the dev profile, which builds faster; the tool they start is the release one.
const STEPS: &[(&str, &[&str])] = &[
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
    // All of them, even after one has failed: a run in CI is the only look at that machine.
    ("tests", &["test", "--workspace", "--no-fail-fast"]),
    ("kernel matrix", &["xtask", "vm"]),
];

#[expect(clippy::print_stdout, reason = "progress")]
pub(crate) fn run(options: &Options) -> Result<()> {
    let start = Instant::now();
    setup::run()?;
    for (name, args) in STEPS {
        let begun = Instant::now();
        println!("test: {name}: cargo {}", args.join(" "));
        let mut step = cargo(args);
        if *name == "tests" {
            step.args(&options.cargo_test);
        }
        shown(&mut step)?;
        println!(
            "test: {name} passed ({:.1} s)",
            begun.elapsed().as_secs_f64()
        );
    }
    println!(
        "test: all {} steps passed ({:.0} s)",
        STEPS.len(),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}
