//! A recording says what the live report said, and survives whatever ended it.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use tempfile::TempDir;
use tracer_tests::{GoVersion, Program, Running, Tool, copy_executable, run};

const SOON: Duration = Duration::from_mins(1);

/// A program of its own, which can be deleted, and a place for its trace.
struct Scene {
    directory: TempDir,
    program: Running,
}

impl Scene {
    fn new(name: &str, go: GoVersion, args: &[&str]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let executable = directory.path().join(name);
        copy_executable(&Program::build(name, go, &[])?, &executable)?;
        let program = Running::program(&executable, args)?;
        program.event("ready", SOON)?;
        Ok(Self { directory, program })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn trace(&self) -> Result<String> {
        self.path("x.trace")
            .to_str()
            .map(str::to_owned)
            .context("path")
    }
}

#[track_caller]
fn replays(go: GoVersion, format: &[&str]) -> Result<()> {
    let mut scene = Scene::new("calls", go, &["-n", "300"])?;
    let trace = scene.trace()?;
    let tool = Tool::attached(scene.program.pid(), &[&["-o", &trace], format].concat())?;
    scene.program.send("go")?;
    scene.program.event("counted", SOON)?;
    sleep(Duration::from_secs(2));
    scene.program.send("exit")?;
    let live = tool.finish()?;
    ensure!(live.code == Some(0) && live.stdout.len() > 500, "{live:?}");

    fs::remove_file(scene.path("calls"))?;
    let replayed = run(&[&["analyze", &trace], format].concat())?;
    ensure!(replayed.code == Some(0), "{replayed:?}");
    assert_eq!(replayed.stdout, live.stdout, "{go:?} {format:?}");
    Ok(())
}

#[test]
fn the_replayed_report_is_the_live_one() -> Result<()> {
    for &go in GoVersion::ALL {
        replays(go, &["--json"])?;
        replays(go, &[])?;
    }
    Ok(())
}

#[test]
fn a_killed_recording_opens_and_says_what_is_missing() -> Result<()> {
    let mut scene = Scene::new("calls", GoVersion::GO_1_26, &["-n", "300"])?;
    let trace = scene.trace()?;
    let tool = Tool::attached(scene.program.pid(), &["-o", &trace])?;
    scene.program.send("go")?;
    scene.program.event("counted", SOON)?;
    sleep(Duration::from_secs(3));
    tool.signal(Signal::KILL)?;
    ensure!(tool.finish()?.code.is_none());

    let report = run(&["analyze", &trace, "--json"])?.report()?;
    ensure!(
        report.0["recording"]["complete"] == false,
        "{:#}",
        report.0["recording"]
    );
    ensure!(
        report.0["window"]["ended_by"].is_null(),
        "{:#}",
        report.0["window"]
    );
    let (count, _) = report.calls("mprotect", |_| true);
    ensure!(count == 300, "{count} of 300 calls");
    let text = run(&["analyze", &trace])?;
    ensure!(text.code == Some(0), "{text:?}");
    Ok(())
}

/// Cuts and damages of the file itself, whose parser the fuzz targets and unit tests wear out.
#[test]
fn a_damaged_recording_is_read_as_far_as_it_is_whole() -> Result<()> {
    let scene = Scene::new("steady", GoVersion::GO_1_26, &[])?;
    let trace = scene.trace()?;
    let tool = Tool::attached(scene.program.pid(), &["-o", &trace])?;
    sleep(Duration::from_secs(2));
    tool.signal(Signal::INT)?;
    ensure!(tool.finish()?.code == Some(0));
    let whole = fs::read(&trace)?;

    fs::write(&trace, &whole[..whole.len() - 1])?;
    let cut = run(&["analyze", &trace, "--json"])?.report()?;
    ensure!(!cut.0["recording"].is_null(), "a cut file passes for whole");
    for part in 0..20 {
        fs::write(&trace, &whole[..whole.len() * part / 20])?;
        let outcome = run(&["analyze", &trace, "--json"])?;
        match outcome.code {
            Some(0) => ensure!(!outcome.report()?.0["recording"].is_null(), "{part}/20"),
            _ => ensure!(
                outcome.code == Some(5) && outcome.complaint().is_ok(),
                "{outcome:?}"
            ),
        }
    }
    Ok(())
}
