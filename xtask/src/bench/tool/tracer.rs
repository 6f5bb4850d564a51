//! Our own tool, in the modes that cost differently.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;
use tracer_tests::{Report, list, tracer_binary};

use super::{Attached, Tool, on_cpu_1};
use crate::bench::cell::Events;
use crate::bench::load::{Expected, Ran};
use crate::command::answer;

pub(in crate::bench) const FULL: Tool = Tool {
    name: "tracer",
    mode: "full_stacks",
    divisor: 1,
    present: || true,
    flags: &[],
    attach: |pid| attach(pid, &[]),
};

/// After its first look at everything, which is taken once.
pub(in crate::bench) const SETTLED: Tool = Tool {
    name: "tracer",
    mode: "settled",
    divisor: 1,
    present: || true,
    flags: &[],
    attach: |pid| {
        let session = attach(pid, &[])?;
        sleep(FIRST_LOOK);
        Ok(session)
    },
};

/// Finding the variables of the runtime, and looking at all spans and goroutines for the first time.
pub(in crate::bench) const FIRST_LOOK: Duration = Duration::from_secs(5);

pub(in crate::bench) const TRACE_FILE: Tool = Tool {
    name: "tracer",
    mode: "trace_file",
    divisor: 1,
    present: || true,
    flags: RECORD,
    attach: |pid| attach(pid, RECORD),
};

pub(in crate::bench) const NO_STACKS: Tool = Tool {
    name: "tracer",
    mode: "no_stacks",
    divisor: 1,
    present: || has_flag("--no-stacks"),
    flags: &["--no-stacks"],
    attach: |pid| attach(pid, &["--no-stacks"]),
};

/// At the rate of Go's own heap profile.
pub(in crate::bench) const SAMPLED: Tool = Tool {
    name: "tracer",
    mode: "sampled",
    divisor: 1,
    present: || has_flag("--sample-bytes"),
    flags: &["--sample-bytes", "524288"],
    attach: |pid| attach(pid, &["--sample-bytes", "524288"]),
};

pub(in crate::bench) const CREATORS_OFF: Tool = Tool {
    name: "tracer",
    mode: "creators_off",
    divisor: 1,
    present: || true,
    flags: &["--creators", "off"],
    attach: |pid| attach(pid, &["--creators", "off"]),
};

pub(in crate::bench) const CREATORS_ON: Tool = Tool {
    name: "tracer",
    mode: "creators_on",
    divisor: 1,
    present: || true,
    flags: &["--creators", "on"],
    attach: |pid| attach(pid, &["--creators", "on"]),
};

/// The file lies in the working directory of the tool.
const RECORD: &[&str] = &["--force", "--output", "bench.trace"];

/// Where the trace of the last run lies.
pub(in crate::bench) fn trace_path() -> PathBuf {
    directory().join("bench.trace")
}

fn directory() -> PathBuf {
    tracer_tests::target_directory().join("xtask")
}

/// Whether `tracer attach` has this flag.
fn has_flag(flag: &str) -> bool {
    let Ok(tracer) = tracer_binary() else {
        return false;
    };
    let help = answer(std::process::Command::new(tracer).args(["attach", "--help"]));
    help.is_some_and(|help| help.split_whitespace().any(|word| word == flag))
}

fn attach(pid: u32, flags: &[&str]) -> Result<Box<dyn Attached>> {
    Ok(Box::new(Session::start(pid, flags)?))
}

/// A tracer that watches a process.
pub(in crate::bench) struct Session(tracer_tests::Tool);

impl Session {
    pub(in crate::bench) fn start(pid: u32, flags: &[&str]) -> Result<Self> {
        fs::create_dir_all(directory())?;
        let pid = pid.to_string();
        let mut command = on_cpu_1(&tracer_binary()?);
        command.args([
            "attach",
            "--verbose",
            "--json",
            "--max-loss",
            "100",
            "--pid",
            &pid,
        ]);
        let mut tool = tracer_tests::Tool::spawn(command.args(flags).current_dir(directory()))?;
        tool.until("attached")?;
        Ok(Self(tool))
    }

    pub(in crate::bench) fn pid(&self) -> u32 {
        self.0.pid()
    }

    /// Stops it; its report must agree with what the load did.
    pub(in crate::bench) fn finish(self, ran: &Ran) -> Result<(Report, Events)> {
        self.0.signal(Signal::INT)?;
        let report = self.0.finish()?.report()?;
        let events = events(&report, ran)?;
        Ok((report, events))
    }
}

impl Attached for Session {
    fn detach(self: Box<Self>, ran: &Ran) -> Result<Option<Events>> {
        self.finish(ran).map(|(_, events)| Some(events))
    }
}

/// Compares the report with the load's own counters; that they disagree is an error.
fn events(report: &Report, ran: &Ran) -> Result<Events> {
    let lines = list(&report.0["loss"]);
    let mut all = Events::default();
    for line in lines {
        let account = Events {
            expected: line["expected"].as_u64().context("expected")?,
            received: line["received"].as_u64().context("received")?,
            lost: line["lost"].as_u64().context("lost")?,
        };
        ensure!(
            account.expected == account.received + account.lost,
            "the report says {line}"
        );
        // A new stack comes along with an event.
        if line["kind"] != "stack" {
            all.add(&account);
        }
    }
    match &ran.expected {
        Expected::Calls(calls, _) => compare(report, calls),
        Expected::Faults(faults) => {
            let (seen, _, _) = report.loss("page_fault").unwrap_or_default();
            // The kernel counts also those that it took itself on a user's address.
            ensure!(
                seen.abs_diff(*faults) <= 64 + faults / 50,
                "the load took {faults} page faults, {seen} were expected"
            );
            Ok(all)
        }
        Expected::Unknown => Ok(all),
    }
}

/// The calls that the load made, and those that the Go runtime made beside.
fn compare(report: &Report, calls: &BTreeMap<String, u64>) -> Result<Events> {
    let mut sum = Events::default();
    for kind in kinds(calls) {
        let (_, received, lost) = report.loss(kind).unwrap_or_default();
        sum.received += received;
        sum.lost += lost;
    }
    let runtime = calls
        .keys()
        .map(|call| report.calls(call, is_the_runtimes).0);
    sum.expected = calls.values().sum::<u64>() + runtime.sum::<u64>();
    let seen = sum.received + sum.lost;
    // Whose calls the lost ones were is not known.
    ensure!(
        sum.expected == seen || sum.lost > 0 && sum.expected < seen,
        "the load made {} calls; {} were received, {} lost",
        sum.expected,
        sum.received,
        sum.lost
    );
    sum.expected = seen;
    Ok(sum)
}

/// The kinds of the loss account that these calls fall under.
fn kinds(calls: &BTreeMap<String, u64>) -> Vec<&str> {
    let mut kinds: Vec<&str> = calls
        .keys()
        .map(|call| {
            if call.starts_with("madvise") {
                "madvise"
            } else {
                call.as_str()
            }
        })
        .collect();
    kinds.dedup();
    kinds
}

/// Known of all calls, not of a sample.
fn is_the_runtimes(origin: &Value) -> bool {
    origin["estimated"] == false
        && origin["class"] != "user code"
        && !list(&origin["stack"]).is_empty()
}
