//! What the program `calls` counted of its own system calls, held against a report.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::outcome::{Report, functions, list};

/// From the stack of each call inwards.
const CHAIN: [&str; 5] = [
    "main.inner",
    "main.middle",
    "main.outer",
    "main.main",
    "runtime.main",
];

/// The program's event `counted`.
#[derive(Clone, Debug)]
pub struct Counted(pub Value);

impl Counted {
    /// How often the program made this call.
    #[must_use]
    pub fn count(&self, call: &str) -> u64 {
        self.0["counts"][call].as_u64().unwrap_or(0)
    }

    /// The calls that it made.
    ///
    /// # Errors
    /// If it counted none.
    pub fn names(&self) -> Result<impl Iterator<Item = &String>> {
        let counts = self.0["counts"].as_object().context("counts")?;
        Ok(counts.keys())
    }

    /// Calls that only the program makes are exact in total, the others by their stack.
    ///
    /// A kernel that preempts probes skips some, and says how many but not of which process: only by
    /// so much may a count fall short.
    ///
    /// # Errors
    /// With the first call of which the report has another count, or bytes, or a loss.
    pub fn check(&self, report: &Report) -> Result<()> {
        for line in list(&report.0["loss"]) {
            ensure!(line["lost"] == 0, "{line}");
        }
        for name in self.names()? {
            let own = self.count(name);
            let counted = own.saturating_sub(skipped(report, name))..=own;
            let (by_stack, _) = report.calls(name, is_own);
            ensure!(
                counted.contains(&by_stack),
                "{name}: {by_stack} of {own}; {}; elsewhere: {:?}",
                report.loss_line(name),
                report.stacks(name, |origin| !is_own(origin))
            );
            let shared = list(&self.0["shared_with_runtime"])
                .iter()
                .any(|shared| shared == name);
            if !shared {
                let (total, _) = report.calls(name, |_| true);
                ensure!(counted.contains(&total), "{name}: {total} instead of {own}");
            }
        }
        for call in ["mmap", "munmap", "madvise_free", "madvise_dontneed"] {
            let (counted, bytes) = report.calls(call, is_own);
            let expected = counted * self.0["length"].as_u64().unwrap_or(0);
            ensure!(
                bytes == expected,
                "{call}: {bytes} instead of {expected} bytes"
            );
        }
        Ok(())
    }
}

/// Runs of a call's probe, or of the one for all calls, that the kernel skipped in any process.
#[must_use]
pub fn skipped(report: &Report, call: &str) -> u64 {
    let kind = if call.starts_with("madvise") {
        "madvise"
    } else {
        call
    };
    [kind, "unknown_call"]
        .iter()
        .filter_map(|kind| report.loss_line(kind)["skipped"].as_u64())
        .sum()
}

/// Function, file and line of every frame of every stack below `main.inner`.
///
/// # Errors
/// With the first that is not whole, or if there are too few.
pub fn own_stacks(report: &Report) -> Result<BTreeSet<String>> {
    let calls = list(&report.0["calls"]);
    let stacks: BTreeSet<String> = calls
        .iter()
        .flat_map(|call| list(&call["origins"]))
        .filter(|origin| is_own(origin))
        .map(|origin| {
            let frames = list(&origin["stack"]).iter();
            let text = |f: &Value| format!("{} {}:{}", f["function"], f["file"], f["line"]);
            frames.map(text).collect::<Vec<_>>().join(" < ")
        })
        .collect();
    ensure!(stacks.len() >= 15, "{stacks:#?}");
    for stack in &stacks {
        let places = CHAIN.map(|name| stack.find(&format!("\"{name}\" ")));
        ensure!(
            places.iter().all(Option::is_some) && places.is_sorted(),
            "{stack}"
        );
        ensure!(stack.contains("programs/calls/main.go\":"), "{stack}");
    }
    Ok(stacks)
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
