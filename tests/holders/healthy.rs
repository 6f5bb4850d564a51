//! An owner is no verdict: a cache with a limit holds what it is meant to hold.

use anyhow::{Result, ensure};
use tracer_tests::{Flag, GoVersion, Program, Running, attach};

use super::answer::{Answer, PATIENCE};

/// Some of the cache's records are dropped while they are followed.
const LEAST_SHARE: f64 = 0.7;

#[test]
fn a_bounded_cache_is_named_when_asked_and_not_accused() -> Result<()> {
    for (go, flags) in [
        (GoVersion::GO_1_15, &[][..]),
        (GoVersion::GO_1_27, &[Flag::Stripped]),
    ] {
        let program = Program::build("holders", go, flags)?;
        let cache = Running::program(&program, &["bounded"])?;
        cache.event("kept", PATIENCE)?;
        let asked = Answer::of(cache.pid(), &["--site", "makeRecord"])?;
        is_named(&asked, flags)?;

        let watched = ["--holders", "always", "-d", "15s", "--json", "-q"];
        let report = attach(cache.pid(), &watched)?.report()?;
        ensure!(report.0["conclusion"] == "no_leak", "{:#}", report.0["why"]);
        for verdict in tracer_tests::list(&report.0["verdicts"]) {
            ensure!(verdict["leak"] == false, "{verdict:#}");
        }
        is_named(&Answer::read(&report.0)?, flags)?;
    }
    Ok(())
}

fn is_named(answer: &Answer, flags: &[Flag]) -> Result<()> {
    let lines = answer.of_function("main.inList");
    let mut kept = 0.0;
    for line in lines.iter().filter(|line| line.has_owner()) {
        let is_owner = line.is_held_by("global", "main.lru", flags.contains(&Flag::Stripped));
        ensure!(is_owner, "{line:#?}");
        kept += line.share();
    }
    ensure!(kept >= LEAST_SHARE, "{lines:#?}");
    Ok(())
}
