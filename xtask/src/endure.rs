//! `cargo xtask endure`: the rough treatment of `tests/endurance.rs`, for as long as wanted.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use tracer_tests::{
    Churned, Stopped, attach_and_detach, churn, reuse_descriptors, stop_the_reader,
};

use crate::command::build_tool;

/// Calls made in some 5 s while nobody reads.
const CALLS_OF_A_STOP: u64 = 8_000_000;
/// Connections a second; a machine may give less.
const CHURN_RATE: u64 = 20_000;
/// Calls of each thread between two check points: what all of them make fits into the ring.
const REUSE_CALLS: usize = 3_000;
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
    /// For how many seconds to dial and close 20 000 connections a second
    #[arg(long, default_value_t = 60)]
    churn: u64,
    /// At how many check points to compare the ledger while descriptors are reused
    #[arg(long, default_value_t = 200)]
    reuse: usize,
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
    if options.churn > 0 {
        let Churned {
            connections,
            rate,
            lost,
            rss: (early, late),
        } = churn(CHURN_RATE, options.churn)?;
        println!(
            "{connections} connections, {rate} a second: {lost} events lost, the ledger is what \
             /proc lists; RSS {early} bytes early, {late} at the end"
        );
    }
    if options.reuse > 0 {
        let opened = reuse_descriptors(options.reuse, REUSE_CALLS)?;
        println!(
            "{opened} sockets opened and duplicated: the ledger is what the kernel lists at {} \
             check points",
            options.reuse
        );
    }
    Ok(())
}
