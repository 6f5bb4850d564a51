//! `cargo xtask endure`: the rough treatment of `tests/endurance.rs`, for as long as wanted.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use tracer_tests::{Stopped, attach_and_detach, stop_the_reader};

use crate::command::build_tool;

/// Calls made in some 5 s while nobody reads.
const CALLS_OF_A_STOP: u64 = 8_000_000;
/// Rounds between two lines of progress; the kernel is asked for leftovers in each.
const STEP: usize = 100;

#[derive(Args)]
pub(crate) struct Options {
    /// How often to attach to a busy program and detach
    #[arg(long, default_value_t = 10_000)]
    cycles: usize,
    /// How often to stop the tool, each time for up to 5 s of full load
    #[arg(long, default_value_t = 100)]
    stops: usize,
}

#[expect(clippy::print_stdout, reason = "its result")]
pub(crate) fn run(options: &Options) -> Result<()> {
    build_tool()?;
    let start = Instant::now();
    let (mut done, mut calls) = (0, 0);
    while done < options.cycles {
        let step = STEP.min(options.cycles - done);
        calls += attach_and_detach(step).with_context(|| format!("after {done} cycles"))?;
        done += step;
        println!(
            "{done} of {} cycles in {:.0} s: nothing left, {calls} calls by the target's own count",
            options.cycles,
            start.elapsed().as_secs_f64()
        );
    }
    if options.stops > 0 {
        let random = RandomState::new();
        let count = |stop| random.hash_one(stop) % CALLS_OF_A_STOP;
        let stops: Vec<u64> = (0..options.stops).map(count).collect();
        let Stopped { calls, lost, gaps } = stop_the_reader(&stops)?;
        println!(
            "stopped {} times: {lost} of {calls} calls lost in {gaps} gaps, all others received",
            options.stops
        );
    }
    Ok(())
}
