//! A program that keeps records in each way that Go has.

use anyhow::{Result, ensure};
use tracer_tests::{Flag, GoVersion, Program, Running, run};

use super::answer::{Answer, PATIENCE};

/// The function that allocated a record, and who keeps it: kind, name.
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
    ("main.inPooled", "goroutine", "main.(*pooled).wait"),
    ("main.inTimer", "timer", "main.inTimer.func1"),
    ("main.inFinalized", "finalizer", "main.finalize"),
    ("main.inQueue", "finalizer", "main.block"),
    ("main.inPool", "", ""),
];

/// Of the objects of a way, so many have the owner; the rest has none.
const LEAST_SHARE: f64 = 0.9;
/// And of all together, each way keeping as much.
const LEAST_OF_ALL: f64 = 0.95;

const PLAIN: &[Flag] = &[];
const STRIPPED: &[Flag] = &[Flag::Stripped];
const PIE: &[Flag] = &[Flag::Pie, Flag::Stripped];

/// The first release whose objects are followed.
const FIRST: u32 = 13;

/// Who keeps them is told, or that this release is not known.
pub(crate) fn release(go: GoVersion) -> Result<()> {
    if go.minor() < FIRST {
        return unknown(go);
    }
    for flags in [PLAIN, STRIPPED, PIE] {
        check(go, flags)?;
    }
    Ok(())
}

fn check(go: GoVersion, flags: &[Flag]) -> Result<()> {
    let named = format!("go{} {flags:?}", go.number());
    let program = Program::build("holders", go, flags)?;
    let mut running = Running::program(&program, &[])?;
    running.event("kept", PATIENCE)?;
    let answer = Answer::of(running.pid(), &["--site", "makeRecord"])?;
    let (mut kept_in_all, mut ways) = (0.0, 0.0);
    for (way, kind, owner) in WAYS {
        let lines = answer.of_function(way);
        // What a pool has, a collection may have taken.
        let all = !owner.is_empty();
        ensure!(!all || !lines.is_empty(), "{named}: nothing of {way}");
        let mut kept = 0.0;
        for line in lines.iter().filter(|line| line.has_owner()) {
            let is_owner = line.is_held_by(kind, owner, flags.contains(&Flag::Stripped));
            ensure!(is_owner, "{named}: {way}: {line:#?}");
            kept += line.share();
        }
        ensure!(!all || kept >= LEAST_SHARE, "{named}: {way}: {lines:#?}");
        if all {
            kept_in_all += kept;
            ways += 1.0;
        }
    }
    let share = kept_in_all / ways;
    ensure!(share >= LEAST_OF_ALL, "{named}: {share} of all");
    running.close_stdin();
    running.wait(PATIENCE)?;
    Ok(())
}

fn unknown(go: GoVersion) -> Result<()> {
    let steady = Running::program(&Program::build("steady", go, PLAIN)?, &[])?;
    steady.event("ready", PATIENCE)?;
    let said = run(&["holders", "--pid", &steady.pid().to_string()])?;
    let why = format!(
        "objects of Go {} cannot be followed: Go 1.13 and newer are known",
        go.language()
    );
    ensure!(said.code == Some(3) && said.stdout.is_empty(), "{said:?}");
    ensure!(said.complaint()?.0.contains(&why), "{said:?}");
    Ok(())
}
