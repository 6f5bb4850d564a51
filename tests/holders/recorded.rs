//! The same search asked for by `attach`, live and from its trace.

use anyhow::{Context as _, Result, ensure};
use tracer_tests::{GoVersion, Program, Running, attach, run};

use super::answer::{Answer, PATIENCE};

#[test]
fn a_recording_tells_the_same() -> Result<()> {
    let program = Program::build("holders", GoVersion::GO_1_26, &[])?;
    let mut running = Running::program(&program, &[])?;
    running.event("kept", PATIENCE)?;
    let directory = tempfile::tempdir()?;
    let trace = directory.path().join("holders.trace");
    let trace = trace.to_str().context("path")?;
    let live = attach(
        running.pid(),
        &[
            "--holders",
            "always",
            "-d",
            "8s",
            "-o",
            trace,
            "--json",
            "-q",
        ],
    )?;
    let answer = Answer::read(&live.report()?.0)?;
    let lines = answer.of_function("main.inMap");
    ensure!(lines.iter().any(|line| line.has_owner()), "{lines:#?}");
    for line in lines.iter().filter(|line| line.has_owner()) {
        let is_owner = line.is_held_by("global", "main.byNumber", false);
        ensure!(is_owner, "{line:#?}");
    }
    let replayed = run(&["analyze", trace, "--json"])?;
    ensure!(replayed.stdout == live.stdout, "{replayed:?}");
    running.close_stdin();
    running.wait(PATIENCE)?;
    Ok(())
}
