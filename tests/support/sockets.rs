//! Programs that count their own sockets, by the functions that open them, and what the tool says.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;

use super::go::GoVersion;
use super::host::sockets_of;
use super::outcome::list;
use super::program::{Flag, Program};
use super::running::Running;
use super::tool::{Tool, run};

const SOON: Duration = Duration::from_mins(1);

/// The ring is read every few milliseconds; names are found while the target lives.
const SETTLE: Duration = Duration::from_millis(700);

/// Function of the own line, to what was opened, closed and is open.
pub type SocketCounts = BTreeMap<String, (u64, u64, u64)>;

/// What the report says of the sockets that were accepted, or of those that were dialled.
#[must_use]
pub fn told_sockets(report: &Value, accepted: bool) -> SocketCounts {
    let mut counts = SocketCounts::new();
    for (name, origin) in origins(report, accepted) {
        let number = |key: &str| origin[key].as_u64().unwrap_or(0);
        let count = counts.entry(name).or_default();
        count.0 += number("opened");
        count.1 += number("closed");
        count.2 += number("open");
    }
    counts
}

fn origins(report: &Value, accepted: bool) -> impl Iterator<Item = (String, &Value)> {
    let origins = list(&report["sockets"]["origins"]).iter();
    // Neither, where it stands for several.
    let origins = origins.filter(move |origin| (origin["accepted"] == true) == accepted);
    origins.map(|origin| {
        let own = &origin["origin"]["function"];
        (own.as_str().unwrap_or("nobody").to_owned(), origin)
    })
}

/// What the program counted: objects `opened` and `closed`.
///
/// # Errors
/// If it has not.
pub fn counted_sockets(said: &Value) -> Result<SocketCounts> {
    let opened = said["opened"].as_object().context("opened")?;
    let of = |(name, opened): (&String, &Value)| {
        let (opened, closed) = (opened.as_u64()?, said["closed"][name].as_u64().unwrap_or(0));
        Some((name.clone(), (opened, closed, opened - closed)))
    };
    opened
        .iter()
        .map(|place| of(place).context("a count"))
        .collect()
}

/// Runs a program under the tool: what it counted is what the report says, live and replayed.
/// Returns the report.
///
/// # Errors
/// With what differs.
pub fn check_sockets(name: &str, go: GoVersion, flags: &[Flag], creators: &str) -> Result<Value> {
    let mut program = Running::program(&Program::build(name, go, flags)?, &[])?;
    program.event("ready", SOON)?;
    let directory = tempfile::tempdir()?;
    let trace = directory.path().join("sockets.trace");
    let trace = trace.to_str().context("a path in UTF-8")?;
    let args = ["--json", "-q", "-o", trace, "--creators", creators];
    let tool = Tool::attached(program.pid(), &args)?;
    program.send("go")?;
    let said = program.event("counted", SOON)?;
    let open = sockets_of(program.pid())?;
    sleep(SETTLE);
    tool.signal(Signal::INT)?;
    let outcome = tool.finish()?;
    let report = outcome.report()?.0;
    for line in list(&report["loss"]) {
        let number = |key: &str| line[key].as_u64().unwrap_or(u64::MAX);
        ensure!(
            number("expected") == number("received") + number("lost"),
            "{go:?} {flags:?}: {line}"
        );
    }
    let replayed = run(&["analyze", "--json", trace])?;
    ensure!(
        replayed.stdout == outcome.stdout,
        "{go:?}: the replay differs"
    );
    same(&report, &said).with_context(|| format!("{name}, {go:?}, {flags:?}"))?;
    check_open(&report, open)?;
    Ok(report)
}

/// The report says what the program has counted; of what is accepted and of connects only some do.
fn same(report: &Value, said: &Value) -> Result<()> {
    let mut both = vec![(false, said)];
    both.extend(said.get("accepted").map(|accepted| (true, accepted)));
    for (accepted, said) in both {
        let (found, expected) = (told_sockets(report, accepted), counted_sockets(said)?);
        ensure!(
            found == expected,
            "{found:?} instead of {expected:?}\n{:#}",
            report["sockets"]
        );
        for (name, origin) in origins(report, accepted) {
            let closers = list(&origin["closed_by"]).iter();
            let told: u64 = closers.filter_map(|closer| closer["closed"].as_u64()).sum();
            let closed = origin["closed"].as_u64().unwrap_or(0);
            // Lines beyond a few are not shown.
            let is_told = told <= closed && (told > 0) == (closed > 0);
            ensure!(is_told, "{name}: {origin:#}");
        }
    }
    for (name, expected) in said["connects"].as_object().into_iter().flatten() {
        let (_, origin) = origins(report, false)
            .find(|(own, _)| own == name)
            .with_context(|| name.clone())?;
        ensure!(origin["connects"] == *expected, "{expected}: {origin:#}");
    }
    Ok(())
}

/// The sockets that are open are those that the kernel lists, and the calls account for all.
///
/// # Errors
/// With what differs.
pub fn check_open(report: &Value, open: u64) -> Result<()> {
    let sockets = &report["sockets"];
    for (what, expected) in [("open", open), ("found", 0), ("contradictions", 0)] {
        ensure!(
            sockets[what] == expected,
            "{what} is not {expected}: {sockets:#}"
        );
    }
    Ok(())
}
