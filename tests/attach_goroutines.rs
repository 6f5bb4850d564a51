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
use tracer_tests::{Flag, GoVersion, Program, Running, Tool, list};

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

/// Function, and file and line, and how many wait there, by the function that created them.
type Places = BTreeMap<String, BTreeMap<String, i64>>;

/// Where the report says that they wait.
fn places(report: &Value) -> Places {
    let mut places = Places::new();
    for site in list(&report["goroutines"]["sites"]) {
        let function = site["created_by"]["function"].as_str().unwrap_or_default();
        if !function.starts_with("main.") {
            continue;
        }
        for wait in list(&site["waits"]) {
            let at = &wait["at"];
            let text = |key: &str| at[key].as_str().unwrap_or_default();
            let place = format!("{} {}:{}", text("function"), text("file"), at["line"]);
            let count = wait["count"].as_i64().unwrap_or(i64::MIN / 2);
            let there = places.entry(function.to_owned()).or_default();
            *there.entry(place).or_default() += count;
        }
    }
    places
}

/// What the program says of itself.
fn own_places(state: &Value) -> Result<Places> {
    serde_json::from_value(state["places"].clone()).context("places")
}

fn check(go: GoVersion, flags: &[Flag]) -> Result<()> {
    let mut program = Running::program(&Program::build("goroutines", go, flags)?, &[])?;
    program.event("ready", SOON)?;
    program.send("go")?;
    program.event("done", SOON)?;
    let directory = tempfile::tempdir()?;
    let trace = directory.path().join("x.trace");
    let output = trace.to_str().context("a path in UTF-8")?;
    let asked = ["--json", "-q", "-o", output, "--creators", "on"];
    let tool = Tool::attached(program.pid(), &asked)?;
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
    let (found, expected) = (places(&report), own_places(&state)?);
    ensure!(
        found == expected,
        "{go:?} {flags:?}: {found:#?} instead of {expected:#?}"
    );
    for (function, each) in LEAKING {
        let mut sites = list(&report["goroutines"]["sites"]).iter();
        let site = sites.find(|site| site["created_by"]["function"] == function);
        let site = site.with_context(|| format!("nothing of {function}"))?;
        ensure!(
            site["created"] == each * ROUNDS && site["ended"] == 0,
            "{go:?}: {site:#}"
        );
    }
    Ok(())
}

#[test]
fn three_leaking_and_five_healthy_places() -> Result<()> {
    for flags in [&[][..], &[Flag::Stripped]] {
        for go in [GoVersion::GO_1_12, GoVersion::GO_1_15, GoVersion::GO_1_18] {
            check(go, flags)?;
        }
        for go in [GoVersion::GO_1_22, GoVersion::GO_1_26, GoVersion::GO_1_27] {
            check(go, flags)?;
        }
    }
    check(GoVersion::GO_1_26, &[Flag::Pie, Flag::Stripped])
}
