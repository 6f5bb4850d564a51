//! The four stories, told by real libraries: what a stranger is told who attaches once.
//!
//! All services run at once, as on a busy machine. Each recording is judged after 15, 30 and 45
//! seconds: an answer may come late, but never a wrong one.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;
use tracer_tests::{Flag, Report, Running, STORIES, Story, Tool, list, run};

const SOON: Duration = Duration::from_secs(30);
const WATCH: Duration = Duration::from_secs(45);
/// The last is the whole recording.
const JUDGED: &[&str] = &["15s", "30s", "1m"];
/// Bytes for each connection may differ by so much from what the service itself measures.
const TOLERANCE: f64 = 0.2;
/// Of the sockets opened in a watch, so many must have an origin.
const KNOWN: f64 = 0.95;
/// So many collections and the tool must know them.
const COLLECTIONS: u64 = 8;

/// In this time what is opened is also counted.
const SETTLE: Duration = Duration::from_secs(2);

/// What a service knows of itself.
struct State(Value);

impl State {
    fn of(service: &mut Running) -> Result<Self> {
        service.send("state")?;
        Ok(Self(service.event("state", SOON)?))
    }

    fn number(&self, key: &str) -> u64 {
        self.0[key].as_u64().unwrap_or(0)
    }

    fn opened(&self, place: &str) -> u64 {
        self.0["opened"][place].as_u64().unwrap_or(0)
    }
}

#[test]
fn the_stories_are_told_and_their_twins_are_not_accused() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut runs = Vec::new();
    for (number, story) in STORIES.iter().enumerate() {
        for is_healthy in [false, true] {
            // Half of them stripped: the same answers without a symbol table.
            let flags: &[Flag] = if number % 2 == 0 {
                &[Flag::Stripped]
            } else {
                &[]
            };
            // Built one after the other, before the first of them is watched.
            let service = story.start(is_healthy, flags)?;
            let name = if is_healthy { "healthy" } else { "sick" };
            let trace = directory
                .path()
                .join(format!("{}.{name}.trace", story.name));
            runs.push((story, is_healthy, service, trace));
        }
    }
    let threads: Vec<_> = runs
        .into_iter()
        .map(|(story, is_healthy, service, trace)| {
            let watched = thread::spawn(move || watch(story, is_healthy, service, &trace));
            (story.name, is_healthy, watched)
        })
        .collect();
    for (name, is_healthy, watched) in threads {
        let result = watched.join();
        let result = result.ok().context("the thread panicked")?;
        result.with_context(|| format!("{name}, healthy: {is_healthy}"))?;
    }
    Ok(())
}

fn watch(story: &Story, is_healthy: bool, mut service: Running, trace: &Path) -> Result<()> {
    let trace = trace.to_str().context("a path in UTF-8")?;
    let counts = !story.guilty.is_empty() && !is_healthy;
    let state = |service: &mut Running| counts.then(|| State::of(service)).transpose();
    let before = state(&mut service)?;
    let tool = Tool::attached(service.pid(), &["--json", "-q", "-o", trace])?;
    thread::sleep(SETTLE);
    let attached = state(&mut service)?;
    thread::sleep(WATCH);
    let nearly = state(&mut service)?;
    tool.signal(Signal::INT)?;
    let outcome = tool.finish()?;
    thread::sleep(SETTLE);
    let after = state(&mut service)?;
    for to in JUDGED {
        let report = run(&["analyze", trace, "--to", to, "--json"])?.report()?;
        judged(story, is_healthy, &report).with_context(|| format!("after {to}"))?;
    }
    let report = outcome.report()?;
    if is_healthy {
        return Ok(());
    }
    let verdict = report.verdict(story.rule);
    if story.rule == "lazily-freed" {
        ensure!(report.0["conclusion"] == "no_leak", "{}", report.0["why"]);
        ensure!(verdict["status"] == "found", "{verdict:#}");
    }
    if let (Some(before), Some(attached), Some(nearly), Some(after)) =
        (before, attached, nearly, after)
    {
        ensure!(verdict["status"] == "found", "{verdict:#}");
        guilty(story, verdict, [&before, &attached, &nearly, &after])?;
        each_connection(&report, &before, &after)?;
        origins_are_known(&report.0["sockets"])?;
    }
    Ok(())
}

/// No wrong answer, however short the look.
fn judged(story: &Story, is_healthy: bool, report: &Report) -> Result<()> {
    let (conclusion, why) = (&report.0["conclusion"], &report.0["why"]);
    let is_leak = !is_healthy && story.rule != "lazily-freed";
    let wrong = if is_leak { "no_leak" } else { "leak" };
    ensure!(conclusion != wrong, "{conclusion}: {why}");
    if conclusion == "leak" {
        let first = &report.0["verdicts"][0]["rule"];
        ensure!(first == story.rule, "{first}: {why}");
    }
    Ok(())
}

/// The guilty lines and no others, with what each opened and closed: not less than between the two
/// states inside the watch, not more than between those around it.
fn guilty(story: &Story, verdict: &Value, states: [&State; 4]) -> Result<()> {
    let [before, attached, nearly, after] = states;
    let mut origins: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for origin in list(&verdict["origins"]) {
        let function = origin["function"].as_str().context("a function")?;
        let number = |key: &str| origin[key].as_u64().context("a count");
        let known = origins.insert(function, (number("opened")?, number("closed")?));
        ensure!(known.is_none(), "{function} twice: {verdict:#}");
    }
    let found: Vec<&str> = origins.keys().copied().collect();
    ensure!(found == story.guilty, "{found:?}: {verdict:#}");
    for (function, (opened, closed)) in origins {
        let least = nearly.opened(function) - attached.opened(function);
        let most = after.opened(function) - before.opened(function);
        ensure!(
            (least..=most).contains(&opened) && closed == 0,
            "{function}: {opened} opened and {closed} closed, not {least} to {most} and none"
        );
    }
    Ok(())
}

/// Nearly all sockets of the whole watch have an own line, although who creates goroutines is only
/// watched once there is something to explain.
fn origins_are_known(sockets: &Value) -> Result<()> {
    let origins = list(&sockets["origins"]).iter();
    let known = origins.filter(|origin| !origin["origin"].is_null());
    let known: u64 = known.filter_map(|origin| origin["opened"].as_u64()).sum();
    let opened = sockets["opened"].as_u64().context("opened")?;
    ensure!(
        known as f64 >= KNOWN * opened as f64,
        "{known} of {opened}: {sockets:#}"
    );
    Ok(())
}

/// What each connection keeps, against the service's own collections.
fn each_connection(report: &Report, before: &State, after: &State) -> Result<()> {
    let difference = |of: &dyn Fn(&State) -> u64| of(after).saturating_sub(of(before)) as f64;
    let opened = |state: &State| {
        let counts = state.0["opened"].as_object();
        counts.map_or(0, |counts| counts.values().filter_map(Value::as_u64).sum())
    };
    let truth = difference(&|state| state.number("live_heap_bytes")) / difference(&opened);
    let each = &report.0["sockets"]["per_open"]["live_heap_bytes"]["value"];
    let Some(each) = each.as_f64() else {
        let seen = difference(&|state| state.number("collections"));
        ensure!(
            seen < COLLECTIONS as f64,
            "not told after {seen} collections"
        );
        return Ok(());
    };
    ensure!(
        (each / truth - 1.0).abs() <= TOLERANCE,
        "{each:.0} bytes for each connection, in truth {truth:.0}"
    );
    Ok(())
}
