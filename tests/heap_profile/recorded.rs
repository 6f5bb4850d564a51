//! `tracer heap FILE` against `tracer heap --pid` of the same moment, and against the program's own.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;
use tempfile::TempDir;
use tracer_core::event::{Event, EventKind};
use tracer_core::trace::Reader;
use tracer_tests::{Flag, GoVersion, Program, Running, Tool, run};

use super::raw::Raw;

const SOON: Duration = Duration::from_mins(1);

/// What is written, beside what stdout shows.
const FORMATS: [&str; 3] = ["heap.pb.gz", "heap.folded", "heap.txt"];

struct Scene {
    directory: TempDir,
    program: Running,
    tool: Tool,
}

impl Scene {
    /// A program whose heap holds still, and a recording of it.
    fn new(go: GoVersion, flags: &[Flag]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let executable = Program::build("heap_profile", go, flags)?;
        let path = directory.path().to_str().context("a path in UTF-8")?;
        let program = Running::program(&executable, &[path])?;
        program.event("ready", SOON)?;
        let trace = format!("{path}/x.trace");
        let tool = Tool::attached(program.pid(), &["-q", "-o", &trace])?;
        Ok(Self {
            directory,
            program,
            tool,
        })
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Waits until a profile is recorded; how long after the beginning it was read.
    fn await_profile(&self) -> Result<Duration> {
        let start = Instant::now();
        while start.elapsed() < SOON {
            let bytes = fs::read(self.path("x.trace"))?;
            if let Ok(events) = Reader::new(&bytes) {
                let events: Vec<Event> = events.collect();
                let is_profile = |event: &&Event| matches!(event.kind, EventKind::HeapProfile(_));
                let profile = events.iter().find(is_profile);
                if let Some((first, profile)) = events.first().zip(profile) {
                    return Ok(Duration::from_nanos(profile.at.0 - first.at.0));
                }
            }
            sleep(Duration::from_millis(50));
        }
        bail!("no profile within {SOON:?}")
    }
}

/// What `tracer heap` prints, and writes in each format.
fn outputs(asked: &[&str], folder: &Path) -> Result<Vec<String>> {
    fs::create_dir(folder)?;
    let mut all = Vec::new();
    for format in FORMATS {
        let file = folder.join(format);
        let name = file.to_str().context("a path in UTF-8")?;
        let done = run(&[&["heap", "--json", "-o", name], asked].concat())?;
        ensure!(done.code == Some(0), "{asked:?}: {}", done.stderr);
        all.push(done.stdout);
        all.push(if format.ends_with(".pb.gz") {
            let mut raw = Raw::read(&file)?;
            raw.forget_type_arguments();
            format!("{raw:?}")
        } else {
            fs::read_to_string(&file)?
        });
    }
    Ok(all)
}

fn same_as_live(go: GoVersion, flags: &[Flag]) -> Result<()> {
    let mut scene = Scene::new(go, flags)?;
    let pid = scene.program.pid().to_string();
    let live = outputs(&["--pid", &pid], &scene.directory.path().join("live"))?;
    scene.await_profile()?;
    scene.program.send("exit")?;
    let (directory, trace) = (scene.directory.path().join("trace"), scene.path("x.trace"));
    ensure!(scene.tool.finish()?.code == Some(0), "attach failed");
    let recorded = outputs(&[&trace], &directory)?;
    for (number, (live, recorded)) in live.iter().zip(&recorded).enumerate() {
        ensure!(
            live == recorded,
            "{go:?} {flags:?}: output {number}, live {live}\nand recorded {recorded}"
        );
    }
    Ok(())
}

#[test]
fn a_recorded_profile_is_the_one_read_live() -> Result<()> {
    for number in ["1.11", "1.15", "1.20", "1.24", "1.27"] {
        let go = GoVersion::release(number);
        same_as_live(go, &[])?;
        same_as_live(go, &[Flag::Stripped])?;
    }
    same_as_live(GoVersion::GO_1_26, &[Flag::Pie])
}

#[test]
fn a_difference_is_what_pprof_subtracts() -> Result<()> {
    for go in [GoVersion::GO_1_15, GoVersion::GO_1_27] {
        let mut scene = Scene::new(go, &[])?;
        let from = format!("{}us", scene.await_profile()?.as_micros() + 1);
        let pid = scene.program.pid().to_string();
        let live = run(&["heap", "--json", "--pid", &pid])?;
        scene.program.send("write")?;
        scene.program.event("written", SOON)?;
        fs::rename(scene.path("own.pb.gz"), scene.path("base.pb.gz"))?;
        scene.program.send("more")?;
        scene.program.event("ready", SOON)?;
        scene.tool.signal(Signal::INT)?;
        let (trace, ours) = (scene.path("x.trace"), scene.path("ours.pb.gz"));
        let Scene {
            directory,
            mut program,
            tool,
        } = scene;
        ensure!(tool.finish()?.code == Some(0), "attach failed");
        program.send("write")?;
        program.event("written", SOON)?;
        let path = |name: &str| directory.path().join(name);

        let earlier = run(&["heap", "--json", &trace, "--to", &from])?;
        ensure!(earlier.stdout == live.stdout, "{go:?}: {}", earlier.stderr);
        let done = run(&["heap", &trace, "-o", &ours, "--diff", "--from", &from])?;
        ensure!(done.code == Some(0), "{}", done.stderr);
        let mut ours = Raw::read(&path("ours.pb.gz"))?;
        let mut own = Raw::since(&path("base.pb.gz"), &path("own.pb.gz"))?;
        ours.forget_type_arguments();
        own.forget_type_arguments();
        let mut compared = 0;
        for (record, values) in &ours.records {
            // What writing the first profile took is in the second alone.
            let theirs = own.records.get(record);
            let theirs = theirs.with_context(|| format!("{go:?}: {record:?} {values:?}"))?;
            // Where we have two, the reader has added them up.
            let sum = |all: &[[i64; 4]]| {
                [0, 1, 2, 3].map(|index| all.iter().map(|values| values[index]).sum::<i64>())
            };
            for (ours, own) in sum(values).into_iter().zip(sum(theirs)) {
                // Each of two estimates may be rounded the other way.
                ensure!(
                    ours.abs_diff(own) <= 2 * values.len() as u64,
                    "{go:?}: {record:?}: {values:?}, not {theirs:?}"
                );
            }
            compared += 1;
        }
        let missing = own.records.len() - compared;
        ensure!(
            missing == 0 && compared >= 20,
            "{go:?}: {compared} records, {missing} missing"
        );
    }
    Ok(())
}

#[test]
fn a_trace_without_a_profile_says_why() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let trace = directory.path().join("x.trace").display().to_string();
    let steady = Running::program(&Program::build("steady", GoVersion::GO_1_26, &[])?, &[])?;
    steady.event("ready", SOON)?;
    let pid = steady.pid().to_string();
    let recorded = run(&["attach", "--pid", &pid, "-d", "2s", "-o", &trace])?;
    ensure!(recorded.code == Some(0), "{recorded:?}");
    let refused = run(&["heap", &trace])?;
    ensure!(refused.code == Some(3), "{refused:?}");
    let (error, _) = refused.complaint()?;
    ensure!(
        error.ends_with("so the linker has switched the profiler off"),
        "{error}"
    );
    let backwards = run(&["heap", &trace, "--diff", "--from", "2s", "--to", "1s"])?;
    ensure!(backwards.code == Some(2), "{backwards:?}");
    Ok(())
}
