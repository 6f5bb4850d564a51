//! `tracer holders` against a program that keeps records in each way that Go has: who it says keeps
//! them is who does, plain and stripped, or nobody.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tracer_tests::{Flag, GoVersion, Program, Running, attach, list, run};

const PLAIN: &[Flag] = &[];
const STRIPPED: &[Flag] = &[Flag::Stripped];
const PIE: &[Flag] = &[Flag::Pie, Flag::Stripped];

/// The function that allocated a record, and who keeps it: kind, name, package.
const WAYS: &[(&str, &str, &str)] = &[
    ("main.inSlice", "global", "programs/holders/kept.records"),
    ("main.inMap", "global", "main.byNumber"),
    ("main.inKeys", "global", "main.bySelf"),
    ("main.inSyncMap", "global", "main.sessions"),
    ("main.inList", "global", "main.lru"),
    ("main.inChain", "global", "main.chain"),
    ("main.inChannel", "global", "main.queue"),
    ("main.inClosure", "global", "main.closures"),
    ("main.inGoroutine", "goroutine", "main.inGoroutine.func1"),
    ("main.wait", "goroutine", "main.inFrame"),
    ("main.inTimer", "timer", "main.inTimer.func1"),
    ("main.inFinalized", "finalizer", "main.finalize"),
    ("main.inQueue", "finalizer", "main.block"),
    ("main.inPool", "", ""),
];

/// Of the objects of a way, so many have the owner; the rest has none.
const LEAST_SHARE: f64 = 0.9;

const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn owners_are_who_keeps_them() -> Result<()> {
    for go in [
        GoVersion::GO_1_13,
        GoVersion::GO_1_18,
        GoVersion::GO_1_22,
        GoVersion::GO_1_27,
    ] {
        for flags in [PLAIN, STRIPPED] {
            check(go, flags)?;
        }
    }
    check(GoVersion::GO_1_15, PIE)?;
    check(GoVersion::GO_1_26, PIE)
}

fn check(go: GoVersion, flags: &[Flag]) -> Result<()> {
    let named = format!("go{} {flags:?}", go.number());
    let program = Program::build("holders", go, flags)?;
    let mut running = Running::program(&program, &[])?;
    running.event("kept", PATIENCE)?;
    let pid = running.pid().to_string();
    let outcome = run(&["holders", "--pid", &pid, "--site", "makeRecord", "--json"])?;
    ensure!(outcome.code == Some(0), "{named}: {outcome:?}");
    let answer: Value = serde_json::from_str(&outcome.stdout)?;
    let lines = answer["holders"].as_array().context("holders")?;
    for (way, kind, owner) in WAYS {
        let of_way: Vec<&Value> = lines.iter().filter(|line| is_of(line, way)).collect();
        // What a pool has, a collection may have taken.
        let all = !owner.is_empty();
        ensure!(
            !all || !of_way.is_empty(),
            "{named}: nothing of {way}: {answer:#}"
        );
        let mut kept = 0.0;
        for line in of_way.iter().filter(|line| !line["root"].is_null()) {
            ensure!(
                is_owner(line, kind, owner, flags),
                "{named}: {way}: {line:#}"
            );
            kept += line["share"].as_f64().unwrap_or_default();
        }
        ensure!(!all || kept >= LEAST_SHARE, "{named}: {way}: {of_way:#?}");
    }
    running.close_stdin();
    running.wait(PATIENCE)?;
    Ok(())
}

#[test]
fn a_recording_tells_the_same() -> Result<()> {
    let program = Program::build("holders", GoVersion::GO_1_26, PLAIN)?;
    let mut running = Running::program(&program, &[])?;
    running.event("kept", PATIENCE)?;
    let directory = tempfile::tempdir()?;
    let trace = directory.path().join("holders.trace");
    let trace = trace.to_str().context("path")?;
    let options = [
        "--holders",
        "always",
        "-d",
        "8s",
        "-o",
        trace,
        "--json",
        "-q",
    ];
    let live = attach(running.pid(), &options)?;
    ensure!(live.code == Some(0), "{live:?}");
    let report: Value = serde_json::from_str(&live.stdout)?;
    let lines = report["holders"].as_array().context("who holds it")?;
    let owners = lines.iter().filter(|line| is_of(line, "main.inMap"));
    let names: Vec<&Value> = owners.map(|line| &line["root"]["name"]).collect();
    ensure!(!names.is_empty(), "{report:#}");
    ensure!(
        names.iter().all(|name| **name == "main.byNumber"),
        "{names:?}"
    );
    let replayed = run(&["analyze", trace, "--json"])?;
    ensure!(replayed.stdout == live.stdout, "{replayed:?}");
    running.close_stdin();
    running.wait(PATIENCE)?;
    Ok(())
}

fn is_of(line: &Value, way: &str) -> bool {
    let frames = line["stack"].as_array().into_iter().flatten();
    frames.into_iter().any(|frame| frame["function"] == way)
}

/// Without symbols a variable is one that functions of its package use, and has no name.
fn is_owner(line: &Value, kind: &str, owner: &str, flags: &[Flag]) -> bool {
    let root = &line["root"];
    let nameless = kind == "global" && flags.contains(&Flag::Stripped);
    let functions = list(&root["used_by"]).iter();
    if nameless {
        let package = owner.rsplit_once('.').map_or("", |(package, _)| package);
        let is_of = |function: &Value| {
            let function = function.as_str().unwrap_or_default();
            function
                .strip_prefix(package)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        let is_told = root["named_by"] == "code reference" && root["name"].is_null();
        return root["kind"] == kind && is_told && functions.clone().any(is_of);
    }
    // A goroutine that was given arguments begins with a function that the compiler made.
    let mut names = functions.chain([&root["name"]]);
    root["kind"] == kind && names.any(|name| *name == owner)
}
