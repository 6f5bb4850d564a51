//! Every call the program counted is counted, with its whole stack, or said to be lost.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tracer_tests::{Flag, GoVersion, Program, Report, Running, Tool, functions, list};

const SOON: Duration = Duration::from_mins(1);

/// Runs the program to its end under the tool; returns its own counts and the report.
fn trace(go: GoVersion, flags: &[Flag], args: &[&str]) -> Result<(Value, Report)> {
    let mut calls = Running::program(&Program::build("calls", go, flags)?, args)?;
    calls.event("ready", SOON)?;
    let tool = Tool::attached(calls.pid(), &["--json", "--max-loss", "100"])?;
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
    Ok((counted, report))
}

fn count(counted: &Value, call: &str) -> u64 {
    counted["counts"][call].as_u64().unwrap_or(0)
}

/// Under `main.inner`, and not by the runtime on its behalf, say to let the heap grow.
fn is_own(origin: &Value) -> bool {
    let functions = functions(origin);
    let inner = functions
        .iter()
        .position(|function| function == "main.inner");
    inner.is_some_and(|at| {
        !functions[..at]
            .iter()
            .any(|name| name.starts_with("runtime."))
    })
}

/// Calls that only the program makes are exact in total, the others by their stack.
#[track_caller]
fn check_counts(go: GoVersion, flags: &[Flag]) -> Result<Report> {
    let (counted, report) = trace(go, flags, &["-n", "1000"])?;
    let counts = counted["counts"].as_object().context("counts")?;
    for name in counts.keys() {
        let own = count(&counted, name);
        let (by_stack, _) = report.calls(name, is_own);
        ensure!(
            by_stack == own,
            "{go:?} {flags:?} {name}: {by_stack} of {own}"
        );
        let shared = list(&counted["shared_with_runtime"])
            .iter()
            .any(|shared| shared == name);
        if !shared {
            let (total, _) = report.calls(name, |_| true);
            ensure!(
                total == own,
                "{go:?} {flags:?} {name}: {total} instead of {own}"
            );
        }
    }
    for call in ["mmap", "munmap", "madvise_free", "madvise_dontneed"] {
        let (_, bytes) = report.calls(call, is_own);
        let expected = count(&counted, call) * counted["length"].as_u64().unwrap_or(0);
        ensure!(
            bytes == expected,
            "{go:?} {flags:?} {call}: {bytes} instead of {expected} bytes"
        );
    }
    for line in list(&report.0["loss"]) {
        ensure!(line["lost"] == 0, "{go:?} {flags:?}: {line}");
    }
    Ok(report)
}

/// Function, file and line of every frame of every stack below `main.inner`.
fn own_stacks(report: &Report) -> BTreeSet<String> {
    let calls = list(&report.0["calls"]);
    calls
        .iter()
        .flat_map(|call| list(&call["origins"]))
        .filter(|origin| is_own(origin))
        .map(|origin| {
            let frames = list(&origin["stack"]).iter();
            let text = |f: &Value| format!("{} {}:{}", f["function"], f["file"], f["line"]);
            frames.map(text).collect::<Vec<_>>().join(" < ")
        })
        .collect()
}

#[track_caller]
fn check_version(go: GoVersion) -> Result<()> {
    let plain = own_stacks(&check_counts(go, &[])?);
    ensure!(plain.len() >= 15, "{plain:#?}");
    for stack in &plain {
        let chain = [
            "main.inner",
            "main.middle",
            "main.outer",
            "main.main",
            "runtime.main",
        ];
        let places: Vec<_> = chain
            .iter()
            .map(|name| stack.find(&format!("\"{name}\" ")))
            .collect();
        ensure!(
            places.iter().all(Option::is_some) && places.is_sorted(),
            "{stack}"
        );
        ensure!(stack.contains("programs/calls/main.go\":"), "{stack}");
    }
    for flags in [
        &[Flag::Stripped][..],
        &[Flag::Pie],
        &[Flag::Pie, Flag::Stripped],
    ] {
        let stacks = own_stacks(&check_counts(go, flags)?);
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
fn a_million_calls_add_up() -> Result<()> {
    let args = ["-n", "1000000", "-kinds", "protect"];
    let (counted, report) = trace(GoVersion::GO_1_26, &[], &args)?;
    ensure!(count(&counted, "mprotect") == 1_000_000);
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
        let (_, report) = trace(go, &[], &args)?;
        let stacks = report.stacks("mprotect");
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
