//! A program with a plugin: what is held by variables of that is not told, and nobody else is accused.

use anyhow::{Context as _, Result, ensure};
use tracer_tests::{Flag, GoVersion, Program, Running, run};

use super::answer::{Answer, PATIENCE};

const LEAST_SHARE: f64 = 0.9;

#[test]
fn variables_of_plugins_are_said_to_be_missing() -> Result<()> {
    for go in [GoVersion::GO_1_15, GoVersion::GO_1_27] {
        let extension = Program::build("extension", go, &[Flag::Plugin])?;
        let extension = extension.to_str().context("path")?;
        let program = Program::build("extended", go, &[Flag::Cgo])?;
        let mut running = Running::program(&program, &[extension])?;
        running.event("kept", PATIENCE)?;
        let pid = running.pid().to_string();
        let asked = ["holders", "--json", "--pid", &pid, "--site", "makeRecord"];
        let said: serde_json::Value = serde_json::from_str(&run(&asked)?.stdout)?;
        let incomplete = said["holder_search"]["incomplete"].as_str();
        let is_said = incomplete.is_some_and(|why| why.contains("plugins"));
        ensure!(is_said, "{go:?}: {said:#}");
        let answer = Answer::read(&said)?;
        for (function, least) in [("main.inOwn", LEAST_SHARE), ("main.inPlugin", 0.0)] {
            let lines = answer.of_function(function);
            ensure!(!lines.is_empty(), "{go:?}: {said:#}");
            let mut kept = 0.0;
            for line in lines.iter().filter(|line| line.has_owner()) {
                let is_own = line.is_held_by("global", "main.own", false);
                ensure!(is_own && least > 0.0, "{go:?} {function}: {line:#?}");
                kept += line.share();
            }
            ensure!(kept >= least, "{go:?} {function}: {lines:#?}");
        }
        running.close_stdin();
        running.wait(PATIENCE)?;
    }
    Ok(())
}
