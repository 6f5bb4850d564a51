//! Every call the program counted is counted, with its whole stack, or said to be lost.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tracer_tests::{Counted, Flag, GoVersion, Program, Report, Running, Tool, list, own_stacks};

const SOON: Duration = Duration::from_mins(1);

/// Runs the program to its end under the tool; returns its own counts and the report.
fn trace(
    go: GoVersion,
    flags: &[Flag],
    args: &[&str],
    options: &[&str],
) -> Result<(Counted, Report)> {
    let mut calls = Running::program(&Program::build("calls", go, flags)?, args)?;
    calls.event("ready", SOON)?;
    let options = [&["--json", "--max-loss", "100"], options].concat();
    let tool = Tool::attached(calls.pid(), &options)?;
    calls.send("go")?;
    let counted = calls.event("counted", SOON)?;
    // The rings are read every few milliseconds; symbols are resolved while the target lives.
    sleep(Duration::from_millis(500));
    calls.send("exit")?;
    let report = tool.finish()?.report()?;
    ensure!(
        report.0["window"]["ended_by"] == "exit",
        "{:#}",
        report.0["window"]
    );
    for line in list(&report.0["loss"]) {
        let number = |key: &str| line[key].as_u64().unwrap_or(u64::MAX);
        ensure!(
            number("expected") == number("received") + number("lost"),
            "{go:?}: {line}"
        );
    }
    Ok((Counted(counted), report))
}

#[track_caller]
fn check_counts(go: GoVersion, flags: &[Flag]) -> Result<BTreeSet<String>> {
    let (counted, report) = trace(go, flags, &["-n", "1000"], &[])?;
    let case = || format!("{go:?} {flags:?}");
    counted.check(&report).with_context(case)?;
    own_stacks(&report).with_context(case)
}

#[track_caller]
fn check_version(go: GoVersion) -> Result<()> {
    let plain = check_counts(go, &[])?;
    for flags in [
        &[Flag::Stripped][..],
        &[Flag::Pie],
        &[Flag::Pie, Flag::Stripped],
    ] {
        let stacks = check_counts(go, flags)?;
        let odd: Vec<_> = stacks.symmetric_difference(&plain).collect();
        ensure!(odd.is_empty(), "{go:?} {flags:?}: {odd:#?}");
    }
    Ok(())
}

#[test]
fn go_1_15() -> Result<()> {
    check_version(GoVersion::GO_1_15)
}

#[test]
fn go_1_26() -> Result<()> {
    check_version(GoVersion::GO_1_26)
}

#[test]
fn without_stacks_the_calls_are_counted_all_the_same() -> Result<()> {
    let args = ["-n", "1000", "-kinds", "protect"];
    let (counted, report) = trace(GoVersion::GO_1_26, &[], &args, &["--no-stacks"])?;
    let bare = |origin: &Value| list(&origin["stack"]).is_empty();
    ensure!(report.calls("mprotect", bare).0 == counted.count("mprotect"));
    ensure!(report.calls("mprotect", |origin| !bare(origin)).0 == 0);
    ensure!(report.loss("stack").is_none());
    let hooks = report.0["process"]["hooks"].as_str();
    ensure!(hooks.is_some_and(|hooks| hooks.ends_with(", without stacks")));
    Ok(())
}

#[test]
fn a_million_calls_add_up() -> Result<()> {
    let args = ["-n", "1000000", "-kinds", "protect"];
    let (counted, report) = trace(GoVersion::GO_1_26, &[], &args, &[])?;
    ensure!(counted.count("mprotect") == 1_000_000);
    let (expected, received, _) = report.loss("mprotect").context("no mprotect")?;
    ensure!(expected == 1_000_000, "{expected} expected");
    ensure!(report.calls("mprotect", |_| true).0 == received);
    Ok(())
}

#[test]
fn deep_stacks_are_whole() -> Result<()> {
    for &go in GoVersion::ALL {
        // With main.outer, main.main, runtime.main and runtime.goexit: 128 frames and the leaves.
        let args = ["-n", "100", "-kinds", "protect", "-depth", "120"];
        let (_, report) = trace(go, &[], &args, &[])?;
        let stacks = report.stacks("mprotect", |_| true);
        let [stack] = &stacks[..] else {
            anyhow::bail!("{go:?}: {} stacks", stacks.len());
        };
        let depth = stack
            .iter()
            .filter(|function| *function == "main.middle")
            .count();
        ensure!(depth == 120, "{go:?}: {depth} of 120: {stack:?}");
        ensure!(
            stack.iter().any(|function| function == "main.main"),
            "{go:?}: {stack:?}"
        );
    }
    Ok(())
}
