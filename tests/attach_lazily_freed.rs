//! Story 2: memory that looks leaked and is not, and its healthy twins.

use std::process::Command;
use std::thread::{self, sleep};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tracer_tests::{Flag, GoVersion, Program, Report, Running, Smaps, Tool, list};

const SOON: Duration = Duration::from_secs(30);
const MIB: u64 = 1 << 20;
/// Below some 10 seconds the report says that it cannot tell; this sees collections come and go.
const LONG_ENOUGH: Duration = Duration::from_secs(20);

/// How the program gives its 400 MiB back.
#[derive(Clone, Copy, Debug)]
enum By {
    /// The runtime does it by itself: within 3 s in Go 1.15, 10 s in Go 1.26.
    Scavenger,
    /// `debug.FreeOSMemory` does it at once.
    FreeOsMemory,
}

/// Two looks at the same time: they mostly wait.
fn both(one: impl FnOnce() -> Result<()> + Send, other: impl FnOnce() -> Result<()>) -> Result<()> {
    thread::scope(|scope| {
        let one = scope.spawn(one);
        other()?;
        one.join().expect("it does not panic")
    })
}

/// Attaches, lets the program drop its memory, and returns the report and the truth just after.
fn watch(go: GoVersion, godebug: &str, flags: &[Flag], by: By) -> Result<(Report, Smaps)> {
    let executable = Program::build("lazily_freed", go, flags)?;
    let mut program = Running::start(
        Command::new(executable)
            .args(["-hold", "-1"])
            .env("GODEBUG", godebug),
    )?;
    program.event("ready", SOON)?;
    let tool = Tool::attached(program.pid(), &["--json"])?;
    program.send("drop")?;
    program.event("ready", SOON)?;
    match by {
        By::Scavenger => {}
        By::FreeOsMemory => {
            program.send("free")?;
            program.event("ready", SOON)?;
        }
    }
    sleep(LONG_ENOUGH);
    tool.signal(rustix::process::Signal::INT)?;
    let outcome = tool.finish()?;
    Ok((outcome.report()?, Smaps::read(program.pid())?))
}

fn found(go: GoVersion, godebug: &str, flags: &[Flag], by: By, class: &str) -> Result<()> {
    let (report, truth) = watch(go, godebug, flags, by)?;
    let case = format!("{go:?} {godebug:?} {flags:?} {by:?}");
    ensure!(
        report.0["conclusion"] == "no_leak",
        "{case}: {:#}",
        report.0
    );
    let verdict = report.verdict("lazily-freed");
    ensure!(verdict["status"] == "found", "{case}: {verdict:#}");
    ensure!(verdict["leak"] == false, "{case}: {verdict:#}");
    let remedy = verdict["remedy"].as_str().unwrap_or_default();
    let advice = match go {
        GoVersion::GO_1_15 => "GODEBUG=madvdontneed=1",
        _ => "Remove madvdontneed=0 from GODEBUG",
    };
    ensure!(remedy.contains(advice), "{case}: {remedy}");

    let lazy_free = report.ledger("lazy_free").unwrap_or(0);
    ensure!(
        lazy_free > 300 * MIB,
        "{case}: {lazy_free} bytes lazily freed"
    );
    let error = lazy_free.abs_diff(truth.lazy_free);
    ensure!(
        error * 100 <= truth.lazy_free,
        "{case}: {lazy_free} instead of {truth:?}"
    );

    let parts = list(&report.0["ledger"]["lazy_free_by"]);
    let bytes = |part: &Value| part["bytes"].as_u64().unwrap_or(0);
    ensure!(
        parts.iter().map(bytes).sum::<u64>() == lazy_free,
        "{case}: {parts:#?}"
    );
    let largest = parts.first().context("nobody gave it back")?;
    ensure!(
        largest["class"] == class && bytes(largest) > 300 * MIB,
        "{case}: {parts:#?}"
    );

    let (_, all) = report.calls("madvise_free", |_| true);
    let (_, of_class) = report.calls("madvise_free", |origin| origin["class"] == class);
    ensure!(
        of_class > 300 * MIB,
        "{case}: {class} gave {of_class} of {all} bytes back"
    );
    if class == "background scavenger" {
        ensure!(
            of_class == all,
            "{case}: {class} gave {of_class} of {all} bytes back"
        );
    }
    Ok(())
}

fn clear(go: GoVersion, godebug: &str) -> Result<()> {
    let (report, truth) = watch(go, godebug, &[], By::FreeOsMemory)?;
    ensure!(truth.lazy_free == 0, "{go:?} {godebug:?}: {truth:?}");
    let verdict = report.verdict("lazily-freed");
    ensure!(
        verdict["status"] == "clear",
        "{go:?} {godebug:?}: {verdict:#}"
    );
    ensure!(
        report.0["conclusion"] != "leak",
        "{go:?} {godebug:?}: {:#}",
        report.0
    );
    ensure!(report.calls("madvise_free", |_| true) == (0, 0));
    let (_, given_back) = report.calls("madvise_dontneed", |_| true);
    ensure!(
        given_back > 300 * MIB,
        "{go:?} {godebug:?}: {given_back} bytes given back"
    );
    Ok(())
}

#[test]
fn go_1_15_by_the_scavenger() -> Result<()> {
    let look = |flags| {
        let class = "background scavenger";
        found(GoVersion::GO_1_15, "", flags, By::Scavenger, class)
    };
    both(|| look(&[]), || look(&[Flag::Stripped]))
}

#[test]
fn go_1_26_by_the_scavenger() -> Result<()> {
    let class = "background scavenger";
    let godebug = "madvdontneed=0";
    found(GoVersion::GO_1_26, godebug, &[], By::Scavenger, class)
}

#[test]
fn by_free_os_memory() -> Result<()> {
    let look = |go, godebug, flags| {
        let class = "debug.FreeOSMemory";
        found(go, godebug, flags, By::FreeOsMemory, class)
    };
    both(
        || look(GoVersion::GO_1_15, "", &[Flag::Pie]),
        || look(GoVersion::GO_1_26, "madvdontneed=0", &[Flag::Stripped]),
    )
}

#[test]
fn memory_given_back_at_once_is_clear() -> Result<()> {
    both(
        || clear(GoVersion::GO_1_15, "madvdontneed=1"),
        || clear(GoVersion::GO_1_26, ""),
    )
}

#[test]
fn a_steady_program_is_no_leak() -> Result<()> {
    both(|| steady(GoVersion::GO_1_15), || steady(GoVersion::GO_1_26))
}

fn steady(go: GoVersion) -> Result<()> {
    let steady = Running::program(&Program::build("steady", go, &[])?, &[])?;
    steady.event("ready", SOON)?;
    let report = tracer_tests::attach(steady.pid(), &["--json", "-d", "20s"])?.report()?;
    ensure!(
        report.verdict("lazily-freed")["status"] != "found",
        "{go:?}: {:#}",
        report.0
    );
    ensure!(report.0["conclusion"] != "leak", "{go:?}: {:#}", report.0);
    Ok(())
}
