//! Probes that are preempted in the middle: what the kernel skips meanwhile is counted.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::system::uname;
use tracer_tests::{Counted, Running, Tool, skipped};

use crate::vm::initramfs::Program;

const SOON: Duration = Duration::from_mins(2);
/// Programs that make the same call at the same time: the one that is watched, and others.
const PROGRAMS: usize = 4;
/// What each of them does.
const LOAD: [&str; 4] = ["-kinds", "protect", "-n", "10000"];
/// Whether a probe is preempted is a matter of luck, but of little.
const ROUNDS: usize = 5;

/// Every call is in the report or among those that were skipped, and a kernel that preempts skips some.
pub(super) fn counted() -> Result<String> {
    let mut calls = 0;
    for _ in 0..ROUNDS {
        let (count, skipped) = watch()?;
        calls += count;
        if skipped > 0 {
            return Ok(format!("{skipped} of {calls} calls and their like skipped"));
        }
        if !preempts()? {
            return Ok(format!("none of {calls} calls skipped"));
        }
    }
    anyhow::bail!("none of {calls} calls skipped, although this kernel preempts probes")
}

/// How often the watched program called, and how many runs of that probe were skipped.
fn watch() -> Result<(u64, u64)> {
    let mut programs = Vec::new();
    for _ in 0..PROGRAMS {
        let program = Running::program(Path::new(Program::Calls.path()), &LOAD)?;
        program.event("ready", SOON)?;
        programs.push(program);
    }
    let tool = Tool::attached(programs[0].pid(), &["--json", "--max-loss", "100"])?;
    for program in &mut programs {
        program.send("go")?;
    }
    let counted = Counted(programs[0].event("counted", SOON)?);
    for program in &mut programs[1..] {
        program.event("counted", SOON)?;
    }
    for program in &mut programs {
        program.send("exit")?;
    }
    let report = tool.finish()?.report()?;
    counted.check(&report)?;
    ensure!(counted.count("mprotect") == 10_000, "{:?}", counted.0);
    Ok((counted.count("mprotect"), skipped(&report, "mprotect")))
}

/// Since Linux 7 the kernels that are tested preempt probes.
fn preempts() -> Result<bool> {
    let uname = uname();
    let release = uname.release().to_string_lossy();
    let major = release
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    let major: u32 = major.with_context(|| format!("release {release}"))?;
    Ok(major >= 7)
}
