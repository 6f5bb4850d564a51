//! Goroutines by where they were created, against the program's own goroutine profile.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tracer_core::event::{Event, EventKind};
use tracer_core::trace::Reader;
use tracer_tests::{GoVersion, Program, Running, Tool, list};

const SOON: Duration = Duration::from_mins(1);

/// Rounds while the tool watches; each leaves goroutines behind at three places.
const ROUNDS: i64 = 8;

/// Functions that leave goroutines behind, and how many in a round.
const LEAKING: [(&str, i64); 3] = [
    ("main.leakSender", 3),
    ("main.leakReceiver", 2),
    ("main.leakLocker", 1),
];

/// Alive and growth by the function that created them.
fn sites(report: &Value) -> BTreeMap<String, (i64, i64)> {
    let mut sites = BTreeMap::new();
    for site in list(&report["goroutines"]["sites"]) {
        let function = site["created_by"]["function"].as_str().unwrap_or_default();
        if function.starts_with("main.") {
            let number = |key: &str| site[key].as_i64().unwrap_or(i64::MIN / 2);
            let sum: &mut (i64, i64) = sites.entry(function.to_owned()).or_default();
            sum.0 += number("count");
            sum.1 += number("growth");
        }
    }
    sites
}

/// Waits for the first census, which growth is counted from.
fn await_census(trace: &Path) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < SOON {
        let bytes = fs::read(trace)?;
        let is_census = |event: &Event| matches!(event.kind, EventKind::Goroutines(_));
        if Reader::new(&bytes).is_ok_and(|mut events| events.any(|event| is_census(&event))) {
            return Ok(());
        }
        sleep(Duration::from_millis(50));
    }
    bail!("no census within {SOON:?}")
}

fn check(go: GoVersion) -> Result<()> {
    let mut program = Running::program(&Program::build("goroutines", go, &[])?, &[])?;
    program.event("ready", SOON)?;
    program.send("go")?;
    program.event("done", SOON)?;
    let directory = tempfile::tempdir()?;
    let trace = directory.path().join("x.trace");
    let output = trace.to_str().context("a path in UTF-8")?;
    let tool = Tool::attached(program.pid(), &["--json", "-q", "-o", output])?;
    await_census(&trace)?;
    for _ in 0..ROUNDS {
        program.send("go")?;
        program.event("done", SOON)?;
    }
    program.send("state")?;
    let state = program.event("state", SOON)?;
    tool.signal(rustix::process::Signal::INT)?;
    let report = tool.finish()?.report()?.0;
    let mut found = sites(&report);
    // A place may have none by now, and is told for what it lost.
    found.retain(|_, (count, growth)| *count != 0 || *growth != 0);
    let expected: BTreeMap<String, (i64, i64)> = state["created"]
        .as_object()
        .context("counts")?
        .iter()
        .map(|(function, count)| {
            let leaking = LEAKING.iter().find(|(name, _)| name == function);
            let growth = leaking.map_or(0, |(_, each)| each * ROUNDS);
            (function.clone(), (count.as_i64().unwrap_or(0), growth))
        })
        .collect();
    ensure!(
        found == expected,
        "{go:?}: {found:?} instead of {expected:?}\n{:#}",
        report["goroutines"]
    );
    Ok(())
}

#[test]
fn three_leaking_and_five_healthy_places() -> Result<()> {
    check(GoVersion::GO_1_15)?;
    check(GoVersion::GO_1_26)
}
