//! What the tool must stand for long: a few rounds in the tests, many in `cargo xtask bench`.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{self, sleep};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;

use super::go::GoVersion;
use super::leftovers::KernelObjects;
use super::outcome::{Report, list};
use super::program::Program;
use super::running::Running;
use super::tool::{Tool, run};

const PATIENCE: Duration = Duration::from_mins(3);
/// Tools that are attached at once.
const AT_ONCE: usize = 4;
/// Calls between two looks at whether the tools are done.
const BURST: u64 = 100_000;

/// A program that makes the call which Go's runtime never makes, and counts.
fn busy() -> Result<Running> {
    let program = Program::build("bench", GoVersion::GO_1_26, &[])?;
    let busy = Running::program(&program, &["-load", "brk"])?;
    busy.event("ready", PATIENCE)?;
    Ok(busy)
}

/// Makes so many calls; the program must have made exactly these.
fn make_calls(busy: &mut Running, count: u64) -> Result<()> {
    busy.send(&format!("run {count}"))?;
    let ran = busy.event("ran", PATIENCE)?;
    ensure!(ran["counts"]["brk"] == count, "{ran}");
    Ok(())
}

/// Attaches to a busy program and detaches so often, in several threads: nothing stays, and the
/// program does all that it was asked to. Returns how many calls it made meanwhile.
///
/// # Errors
/// With what is left, or differs.
pub fn attach_and_detach(times: usize) -> Result<u64> {
    let mut busy = busy()?;
    let pid = busy.pid();
    let before = surroundings(pid)?;
    let begun = AtomicUsize::new(0);
    let cycles = || -> Result<()> {
        loop {
            let cycle = begun.fetch_add(1, Relaxed);
            if cycle >= times {
                return Ok(());
            }
            attach_once(pid, cycle).with_context(|| format!("cycle {cycle}"))?;
        }
    };
    let calls = thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(cycles)).collect();
        let mut calls = 0;
        while threads.iter().any(|thread| !thread.is_finished()) {
            make_calls(&mut busy, BURST)?;
            calls += BURST;
        }
        for thread in threads {
            thread.join().ok().context("a thread panicked")??;
        }
        anyhow::Ok(calls)
    })?;
    ensure!(surroundings(pid)? == before, "before: {before:?}");
    busy.send("exit")?;
    ensure!(busy.ending(PATIENCE)? == (Some(0), None));
    Ok(calls)
}

/// Each third time the tool is killed.
fn attach_once(pid: u32, cycle: usize) -> Result<()> {
    let tool = Tool::attached(pid, &["--json", "--max-loss", "100"])?;
    let held = KernelObjects::held_by(tool.pid())?;
    let killed = cycle.is_multiple_of(3);
    tool.signal(if killed { Signal::KILL } else { Signal::INT })?;
    let ended = tool.finish()?;
    if !killed {
        accounts_add_up(&ended.report()?)?;
    }
    held.are_gone()
}

/// What a tool that is gone must have left as it was: mounts, and the target's descriptors.
fn surroundings(pid: u32) -> Result<(String, usize)> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    Ok((mounts, fs::read_dir(format!("/proc/{pid}/fd"))?.count()))
}

/// What was lost while the tool was stopped.
#[derive(Clone, Copy, Debug)]
pub struct Stopped {
    /// Calls by the program's own count.
    pub calls: u64,
    /// Of these, known to be lost.
    pub lost: u64,
    /// Stretches of time without records, over all CPUs.
    pub gaps: usize,
}

/// Stops the tool once for each number, and makes so many calls while it stands still.
///
/// # Errors
/// When a call is neither received nor lost, or a loss has no time, or is not in the recording.
pub fn stop_the_reader(calls_while_stopped: &[u64]) -> Result<Stopped> {
    let directory = tempfile::tempdir()?;
    let trace = directory.path().join("stopped.trace").display().to_string();
    let mut busy = busy()?;
    let tool = Tool::attached(busy.pid(), &["--json", "--max-loss", "100", "-o", &trace])?;
    let mut calls = 0;
    for count in calls_while_stopped {
        tool.signal(Signal::STOP)?;
        until_stopped(tool.pid())?;
        make_calls(&mut busy, *count)?;
        tool.signal(Signal::CONT)?;
        make_calls(&mut busy, BURST)?;
        calls += count + BURST;
    }
    tool.signal(Signal::INT)?;
    let live = tool.finish()?;
    let report = live.report()?;
    let replayed = run(&["analyze", &trace, "--json"])?;
    ensure!(replayed.stdout == live.stdout, "{:?}", replayed.stderr);
    let told = run(&["analyze", &trace])?.stdout;

    accounts_add_up(&report)?;
    let (expected, _, lost) = report.loss("brk").context("no account of brk")?;
    ensure!(expected == calls, "{expected} expected of {calls}");
    let account = report.loss_line("brk");
    ensure!(account["summed"] == lost, "{account:#}");
    let (counted, _) = report.calls("brk", |_| true);
    ensure!(counted == calls, "{counted} counted of {calls}");
    let gaps = list(&account["gaps"]).len();
    let told_gaps = told
        .lines()
        .any(|line| line.trim_start().starts_with("gap: "));
    ensure!(told_gaps == (lost > 0), "{told}");
    Ok(Stopped { calls, lost, gaps })
}

fn until_stopped(pid: u32) -> Result<()> {
    let is_stopped = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        // A thread may have ended meanwhile.
        stat.is_empty()
            || stat
                .rsplit(')')
                .next()
                .is_some_and(|rest| rest.starts_with(" T"))
    };
    let mut tasks = 0..PATIENCE.as_millis();
    while tasks.next().is_some() {
        let all = fs::read_dir(format!("/proc/{pid}/task"))?;
        if all
            .collect::<std::io::Result<Vec<_>>>()?
            .into_iter()
            .all(is_stopped)
        {
            return Ok(());
        }
        sleep(Duration::from_millis(1));
    }
    anyhow::bail!("it does not stop")
}

/// Each event is received or lost, in each kind and on each CPU, and each loss has a time.
///
/// # Errors
/// With the first account that does not add up.
pub fn accounts_add_up(report: &Report) -> Result<()> {
    let number = |line: &Value, key: &str| line[key].as_u64().unwrap_or(u64::MAX / 4);
    let sum = |lines: &Value, key: &str| -> u64 {
        list(lines).iter().map(|line| number(line, key)).sum()
    };
    for line in list(&report.0["loss"]) {
        for account in std::iter::once(line).chain(list(&line["cpus"])) {
            let (received, lost) = (number(account, "received"), number(account, "lost"));
            ensure!(number(account, "expected") == received + lost, "{line:#}");
        }
        for key in ["expected", "received", "lost"] {
            ensure!(
                sum(&line["cpus"], key) == number(line, key),
                "{key}: {line:#}"
            );
        }
        ensure!(
            sum(&line["gaps"], "lost") == number(line, "lost"),
            "{line:#}"
        );
        for gap in list(&line["gaps"]) {
            let [from, to] = ["from_seconds", "to_seconds"].map(|key| gap[key].as_f64());
            ensure!(from.is_some() && from <= to, "{line:#}");
            ensure!(to <= report.0["window"]["seconds"].as_f64(), "{line:#}");
        }
    }
    Ok(())
}
