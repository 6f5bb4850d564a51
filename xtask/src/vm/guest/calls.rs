//! A program that counts its own calls, watched with a hook family and recorded.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use tracer_tests::{Counted, Outcome, Running, Tool, own_stacks, run};

use crate::vm::initramfs::Program;

const SOON: Duration = Duration::from_mins(1);
/// Each kind of work is done as often.
const TIMES: &str = "300";

/// What a run left.
pub(super) struct Seen {
    family: String,
    counted: Counted,
    live: Outcome,
    trace: String,
    seconds_to_attach: f64,
}

/// Watches the program to its end.
pub(super) fn watch(family: &str) -> Result<Seen> {
    let mut calls = Running::program(Path::new(Program::Calls.path()), &["-n", TIMES])?;
    calls.event("ready", SOON)?;
    let trace = format!("/tmp/{family}.trace");
    let begun = std::time::Instant::now();
    let tool = Tool::attached(
        calls.pid(),
        &[
            "--json",
            "--max-loss",
            "100",
            "--hooks",
            family,
            "-o",
            &trace,
        ],
    )?;
    let seconds_to_attach = begun.elapsed().as_secs_f64();
    calls.send("go")?;
    let counted = Counted(calls.event("counted", SOON)?);
    // The rings are read every few milliseconds; symbols are resolved while the target lives.
    sleep(Duration::from_secs(1));
    calls.send("exit")?;
    Ok(Seen {
        family: family.to_owned(),
        counted,
        live: tool.finish()?,
        trace,
        seconds_to_attach,
    })
}

/// Every call that the program counted is in the report, or one of those the kernel skipped.
pub(super) fn counted(seen: &Seen) -> Result<String> {
    let report = seen.live.report()?;
    let used = &report.0["process"]["hooks"];
    ensure!(used == seen.family.as_str(), "hooks in use: {used}");
    seen.counted.check(&report)?;
    let names: Vec<_> = seen.counted.names()?.collect();
    let sum: u64 = names.iter().map(|name| seen.counted.count(name)).sum();
    Ok(format!(
        "{sum} calls of {} kinds, attached in {:.1} s",
        names.len(),
        seen.seconds_to_attach
    ))
}

/// Every stack leads through the program's functions, each with file and line.
pub(super) fn named(seen: &Seen) -> Result<String> {
    let stacks = own_stacks(&seen.live.report()?)?;
    Ok(format!(
        "{} stacks with function, file and line",
        stacks.len()
    ))
}

/// The recording says what the live report said, byte for byte.
pub(super) fn replayed(seen: &Seen) -> Result<String> {
    let replay = run(&["analyze", &seen.trace, "--json"])?;
    ensure!(replay.code == Some(0), "{}", replay.stderr);
    let (live, replayed) = (&seen.live.stdout, &replay.stdout);
    if live != replayed {
        let differing = live.lines().zip(replayed.lines()).find(|(a, b)| a != b);
        anyhow::bail!("live and replayed report differ: {differing:?}");
    }
    ensure!(live.len() > 500, "{live}");
    Ok(format!("{} bytes are the same", live.len()))
}
