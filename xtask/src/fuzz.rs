//! `cargo xtask fuzz`: the fuzz targets of `tests/fuzz`, one after the other.

use std::fs;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::command::{cargo, shown};
use crate::setup;
use crate::step::failure;

const DIRECTORY: &str = "tests/fuzz";

#[derive(Args)]
pub(crate) struct Options {
    /// One target; all of them if none is named
    target: Option<String>,
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

#[expect(clippy::print_stdout, reason = "progress")]
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut targets = targets()?;
    if let Some(wanted) = &options.target {
        if !targets.contains(wanted) {
            return Err(failure(
                format!("no fuzz target is called {wanted:?}"),
                format!("there are: {}", targets.join(", ")),
            ));
        }
        targets = vec![wanted.clone()];
    }
    setup::fuzz()?;
    for target in &targets {
        println!("fuzz: {target}: {} s", options.seconds);
        let limit = format!("-max_total_time={}", options.seconds);
        // The sanitizer is behind a flag that stable compilers accept only like this.
        shown(
            cargo(&["fuzz", "run", "--fuzz-dir", DIRECTORY, target, "--", &limit])
                .env("RUSTC_BOOTSTRAP", "1"),
        )?;
    }
    println!("fuzz: {} targets passed", targets.len());
    Ok(())
}

/// Every file of `fuzz_targets` is one.
fn targets() -> Result<Vec<String>> {
    let directory = tracer_tests::workspace_root()
        .join(DIRECTORY)
        .join("fuzz_targets");
    let mut targets = Vec::new();
    for entry in
        fs::read_dir(&directory).with_context(|| format!("read {}", directory.display()))?
    {
        let path = entry?.path();
        if let Some(name) = path
            .file_stem()
            .filter(|_| path.extension() == Some("rs".as_ref()))
        {
            targets.push(name.to_string_lossy().into_owned());
        }
    }
    targets.sort();
    Ok(targets)
}
