//! With stacks of a sample, sums are exact, and what is said by stack is right within its error.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use tracer_tests::{Counted, GoVersion, Program, Report, Running, Tool, functions, list, run};

const SOON: Duration = Duration::from_mins(1);

/// Of so many bytes on average one keeps the stack of its event.
const SAMPLE_BYTES: f64 = 65_536.0;

/// A test that fails by chance once in some hundred million runs.
const DEVIATIONS: f64 = 6.0;

/// Runs a program to its end under the tool; returns its own counts and the report, which must be
/// the one of the recording, too.
fn trace(program: &str, args: &[&str]) -> Result<(Value, Report)> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("x.trace");
    let file = file.to_str().unwrap_or_default();
    let mut running = Running::program(&Program::build(program, GoVersion::GO_1_26, &[])?, args)?;
    running.event("ready", SOON)?;
    let options = ["--json", "--sample-bytes", "64KiB", "-o", file];
    let tool = Tool::attached(running.pid(), &options)?;
    running.send("go")?;
    let counted = running.event("counted", SOON)?;
    sleep(Duration::from_millis(500));
    running.send("exit")?;
    let live = tool.finish()?;
    for form in [&["--json"][..], &[]] {
        let replayed = run(&[&["analyze", file], form].concat())?;
        if form.is_empty() {
            let says_so = replayed.stdout.starts_with("Stacks are those of a sample");
            ensure!(says_so, "{}", replayed.stdout);
        } else {
            assert_eq!(replayed.stdout, live.stdout);
        }
    }
    let report = live.report()?;
    ensure!(report.0["sample_bytes"] == SAMPLE_BYTES, "{program}");
    for line in list(&report.0["loss"]) {
        let number = |key: &str| line[key].as_u64().unwrap_or(u64::MAX);
        let adds_up = number("expected") == number("received") + number("lost");
        ensure!(adds_up && number("lost") == 0, "{line}");
    }
    Ok((counted, report))
}

/// Whether an estimate from events of `bytes` each can be of so many.
fn is_near(estimate: u64, events: u64, bytes: f64) -> bool {
    let taken = 1.0 - (-bytes / SAMPLE_BYTES).exp();
    let deviation = (events as f64 * (1.0 - taken) / taken).sqrt();
    (estimate as f64 - events as f64).abs() <= DEVIATIONS * deviation
}

#[test]
fn calls_are_exact_in_sum_and_estimated_by_stack() -> Result<()> {
    let (counted, report) = trace("calls", &["-n", "1000"])?;
    let length = counted["length"].as_u64().unwrap_or(0);
    let counted = Counted(counted);
    for (call, is_sampled) in [
        ("mprotect", true),
        ("mremap", true),
        ("brk", false),
        ("process_madvise_cold", false),
        ("socket", false),
    ] {
        let own = counted.count(call);
        let mut lines = list(&report.0["calls"]).iter();
        let line = lines.find(|line| line["call"] == call);
        ensure!(
            line.is_some_and(|line| line["count"] == own),
            "{call}: {own} in {line:?}"
        );
        let marked = |origin: &Value| origin["estimated"] == is_sampled;
        let (count, _) = report.calls(call, marked);
        // mremap asks for two lengths in turns, both of about this.
        let near = is_near(count, own, length as f64);
        ensure!(
            if is_sampled { near } else { count == own },
            "{call}: {count} of {own}"
        );
    }
    let (count, bytes) = report.calls("mprotect", |_| true);
    ensure!(
        bytes.abs_diff(count * length) < length,
        "{bytes} bytes in {count} calls"
    );
    let stacks = report.stacks("mprotect", |_| true);
    let whole = |stack: &Vec<String>| stack.iter().any(|function| function == "main.inner");
    ensure!(stacks.iter().all(whole), "{stacks:?}");
    Ok(())
}

#[test]
fn page_faults_are_estimated_by_stack() -> Result<()> {
    let (counted, report) = trace("faults", &["-pages", "20000"])?;
    for (function, faults) in [
        ("main.writePages", "write_faults"),
        ("main.readPages", "read_faults"),
    ] {
        let pages = counted[function].as_u64().unwrap_or(0);
        let page = counted["page_size"].as_f64().unwrap_or(0.0);
        let lines = list(&report.0["growth"]).iter();
        let own = lines.filter(|line| functions(line).first().is_some_and(|name| name == function));
        let estimate = own.filter_map(|line| line[faults].as_u64()).sum();
        ensure!(
            is_near(estimate, pages, page),
            "{function}: {estimate} of {pages}"
        );
    }
    let (seen, _, _) = report.loss("page_fault").unwrap_or_default();
    ensure!(seen >= 40_000, "{seen} page faults");
    Ok(())
}
