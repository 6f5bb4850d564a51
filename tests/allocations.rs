//! Who allocates in programs that keep no heap profile: probes against what the program allocated.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;
use tracer_tests::{Flag, GoVersion, Program, Running, Tool, list, run};

const SOON: Duration = Duration::from_mins(1);

/// The places that allocate, the same each.
const PLACES: [&str; 4] = ["main.large", "main.library", "main.middling", "main.small"];

/// Of all bytes, what has to be told at the right place.
const LEAST_RIGHT: f64 = 0.9;

/// Bytes by the function of the program's own that was given them.
fn given(heap: &Value) -> BTreeMap<String, u64> {
    let mut given = BTreeMap::new();
    for site in list(&heap["sites"]) {
        let function = site["origin"]["function"].as_str().unwrap_or_default();
        let sum: &mut u64 = given.entry(function.to_owned()).or_default();
        *sum += site["alloc_bytes"].as_u64().unwrap_or(0);
    }
    given
}

/// A report, live and from its trace, must be the same.
fn watched(program: &mut Running, args: &[&str], until: &str) -> Result<Value> {
    let directory = tempfile::tempdir()?;
    let trace = directory.path().join("x.trace");
    let trace = trace.to_str().context("a path in UTF-8")?;
    let args = [&["--json", "-q", "-o", trace], args].concat();
    let tool = Tool::attached(program.pid(), &args)?;
    program.send("go")?;
    program.event(until, SOON)?;
    tool.signal(Signal::INT)?;
    let live = tool.finish()?;
    let replayed = run(&["analyze", trace, "--json"])?;
    ensure!(
        live.stdout == replayed.stdout,
        "{trace} replays differently"
    );
    let text = run(&["analyze", trace])?.stdout;
    let report = live.report()?.0;
    let mut heap = report["heap"].clone();
    heap["text"] = Value::String(text);
    Ok(heap)
}

fn check(go: GoVersion, flags: &[Flag]) -> Result<()> {
    let executable = Program::build("allocations", go, flags)?;
    let mut program = Running::program(&executable, &[])?;
    program.event("ready", SOON)?;
    let heap = watched(&mut program, &["--allocs", "on"], "allocated")?;

    ensure!(heap["source"] == "allocation probes", "{heap:#}");
    let (each, given) = (24_u64 << 20, given(&heap));
    let right = PLACES.iter().map(|place| {
        let found = given.get(*place).copied().unwrap_or(0);
        found.min(each)
    });
    let right = right.sum::<u64>() as f64 / (each * PLACES.len() as u64) as f64;
    ensure!(
        right >= LEAST_RIGHT,
        "{go:?} {flags:?}: {right:.3} in {given:?}"
    );
    // Nor is anybody else told of.
    let all = heap["probes"]["bytes"].as_u64().context("bytes")?;
    let own: u64 = PLACES.iter().filter_map(|place| given.get(*place)).sum();
    ensure!(
        own as f64 >= LEAST_RIGHT * all as f64,
        "{own} of {all}: {given:?}"
    );

    let (hits, ns) = (&heap["probes"]["hits"], &heap["probes"]["ns_per_hit"]);
    ensure!(
        hits.as_u64() >= Some(1000) && ns.as_u64() >= Some(100),
        "{heap:#}"
    );
    let text = heap["text"].as_str().unwrap_or_default();
    let why = if go.minor() >= 17 {
        "linker left it out, and pprof would show an empty heap"
    } else {
        "switched its heap profiler off"
    };
    let text: Vec<&str> = text.split_whitespace().collect();
    let text = text.join(" ");
    for said in [why, "who allocates: watched", "ns each took the program"] {
        ensure!(text.contains(said), "{said:?} is not in {text}");
    }
    print(&format!(
        "{go:?} {flags:?}: {:.1} % right, {hits} hits, {ns} ns each",
        right * 100.0
    ));
    Ok(())
}

/// Past the capture of the test harness.
fn print(line: &str) {
    use std::io::Write as _;
    let mut text = String::from("allocations: ");
    let _ = writeln!(text, "{line}");
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[test]
fn places_are_told_with_their_bytes() -> Result<()> {
    for go in [
        GoVersion::GO_1_15,
        GoVersion::GO_1_16,
        GoVersion::GO_1_20,
        GoVersion::GO_1_26,
        GoVersion::GO_1_27,
    ] {
        for flags in [&[][..], &[Flag::Stripped]] {
            check(go, flags)?;
        }
    }
    check(GoVersion::GO_1_27, &[Flag::Pie, Flag::Stripped])
}
