//! Nothing is lost uncounted, and nothing of the tool is left, however rough it is treated.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tracer_tests::{
    GoVersion, Program, Running, Tool, accounts_add_up, attach_and_detach, functions,
    stop_the_reader,
};

const SOON: Duration = Duration::from_mins(1);

/// Calls that the rings have room for, and some more: 16 MiB of 112 bytes each.
const MORE_THAN_FIT: u64 = 200_000;

/// Bytes of a mapping of the load `mm`.
const MAPPED: u64 = 64 << 10;

/// Stacks that the kernel side counts page faults of (`FAULTS` in `tracer-ebpf/src/sums.rs`).
const COUNTED_STACKS: u64 = 16_384;

#[test]
fn attached_again_and_again() -> Result<()> {
    ensure!(attach_and_detach(24)? > 0);
    Ok(())
}

#[test]
fn a_reader_that_stands_still() -> Result<()> {
    let stopped = stop_the_reader(&[10_000, MORE_THAN_FIT, 1, 2 * MORE_THAN_FIT])?;
    // Twice the ring was too small, by so much at least.
    ensure!(stopped.lost > MORE_THAN_FIT, "{stopped:?}");
    // The accounts are told once a second: two losses close together may be one gap.
    ensure!(stopped.gaps >= 1, "{stopped:?}");
    Ok(())
}

#[test]
fn counts_and_bytes_of_calls_above_the_rate_are_exact() -> Result<()> {
    let program = Program::build("bench", GoVersion::GO_1_26, &[])?;
    let mut load = Running::program(&program, &["-load", "mm"])?;
    load.event("ready", SOON)?;
    let tool = Tool::attached(load.pid(), &["--json", "--max-loss", "100"])?;
    tool.signal(rustix::process::Signal::STOP)?;
    load.send(&format!("run {MORE_THAN_FIT}"))?;
    load.event("ran", SOON)?;
    tool.signal(rustix::process::Signal::CONT)?;
    tool.signal(rustix::process::Signal::INT)?;
    let report = tool.finish()?.report()?;
    accounts_add_up(&report)?;
    let by_the_load = |origin: &Value| {
        functions(origin)
            .iter()
            .any(|at| at == "main.mapTouchUnmap")
    };
    for (kind, call) in [
        ("mmap", "mmap"),
        ("madvise", "madvise_dontneed"),
        ("munmap", "munmap"),
    ] {
        let line = report.loss_line(kind);
        ensure!(
            line["lost"] != 0 && line["summed"] == line["lost"],
            "{line:#}"
        );
        let found = report.calls(call, by_the_load);
        let all = (MORE_THAN_FIT, MORE_THAN_FIT * MAPPED);
        ensure!(found == all, "{call}: {found:?}, not {all:?}");
    }
    Ok(())
}

#[test]
fn more_stacks_than_are_counted() -> Result<()> {
    let pages = COUNTED_STACKS + 4_000;
    let program = Program::build("bench", GoVersion::GO_1_26, &[])?;
    let mut load = Running::program(&program, &["-load", "fresh"])?;
    load.event("ready", SOON)?;
    let tool = Tool::attached(load.pid(), &["--json", "--max-loss", "100"])?;
    load.send(&format!("run {pages}"))?;
    load.event("ran", SOON)?;
    tool.signal(rustix::process::Signal::INT)?;
    let report = tool.finish()?.report()?;
    accounts_add_up(&report)?;
    let (expected, received, lost) = report.loss("page_fault").context("no faults")?;
    ensure!(
        expected >= pages && received >= COUNTED_STACKS,
        "{expected} {received}"
    );
    ensure!(lost >= pages - COUNTED_STACKS, "{lost} lost of {expected}");
    Ok(())
}
