//! The target does not notice the tool, and the tool leaves nothing behind.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use tracer_tests::{GoVersion, Program, Running, Tool};

const SOON: Duration = Duration::from_mins(1);

/// How the tool ends while the target works.
#[derive(Clone, Copy, Debug)]
enum End {
    WithTheTarget,
    Interrupted,
    Killed,
}

/// Runs `checksum` and returns its output and exit code.
fn checksum(go: GoVersion, end: Option<End>) -> Result<(String, Option<i32>)> {
    let executable = Program::build("checksum", go, &[])?;
    let mut program = Running::program(&executable, &["-rounds", "1000"])?;
    program.line(SOON)?;
    let tool = end
        .map(|_| Tool::attached(program.pid(), &["--json"]))
        .transpose()?;
    program.send("go")?;
    if let (Some(tool), Some(end)) = (tool, end) {
        match end {
            End::WithTheTarget => {}
            End::Interrupted | End::Killed => sleep(Duration::from_millis(300)),
        }
        match end {
            End::WithTheTarget => {
                let result = (program.line(SOON)?, program.ending(SOON)?.0);
                let exited = Instant::now();
                let outcome = tool.finish()?;
                let report = outcome.report()?;
                // Detaching goes on after that.
                let said_at = outcome.said_at.context("no report")?;
                let late = said_at.saturating_duration_since(exited);
                ensure!(
                    late < Duration::from_secs(2),
                    "the report came {late:?} after the exit"
                );
                ensure!(
                    report.0["window"]["ended_by"] == "exit",
                    "{:#}",
                    report.0["window"]
                );
                return Ok(result);
            }
            End::Interrupted => {
                tool.signal(Signal::INT)?;
                let report = tool.finish()?.report()?;
                ensure!(
                    report.0["window"]["ended_by"] == "signal",
                    "{:#}",
                    report.0["window"]
                );
            }
            End::Killed => {
                tool.signal(Signal::KILL)?;
                ensure!(tool.finish()?.code.is_none());
            }
        }
    }
    Ok((program.line(SOON)?, program.ending(SOON)?.0))
}

#[test]
fn the_target_computes_the_same() -> Result<()> {
    for &go in GoVersion::ALL {
        let alone = checksum(go, None)?;
        ensure!(alone.1 == Some(7), "{alone:?}");
        for end in [End::WithTheTarget, End::Interrupted, End::Killed] {
            let watched = checksum(go, Some(end))?;
            ensure!(
                watched == alone,
                "{go:?} {end:?}: {watched:?} instead of {alone:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn nothing_stays_pinned_or_mounted() -> Result<()> {
    let before = mounts_and_pins()?;
    let steady = Running::program(&Program::build("steady", GoVersion::GO_1_26, &[])?, &[])?;
    steady.event("ready", SOON)?;
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let tool = Tool::attached(steady.pid(), &["--json"])?;
        tool.signal(signal)?;
        tool.finish()?;
        let after = mounts_and_pins()?;
        ensure!(
            after == before,
            "{signal:?}: {after:#?} instead of {before:#?}"
        );
    }
    Ok(())
}

/// Programs, maps and links live as long as a file descriptor, a pin or an attachment: without
/// pins they go with the tool, and a mount of its own must go too.
fn mounts_and_pins() -> Result<BTreeSet<String>> {
    let mut found: BTreeSet<String> = std::fs::read_to_string("/proc/self/mounts")?
        .lines()
        .map(str::to_owned)
        .collect();
    if let Ok(pins) = std::fs::read_dir("/sys/fs/bpf") {
        for pin in pins {
            found.insert(pin?.path().display().to_string());
        }
    }
    Ok(found)
}
