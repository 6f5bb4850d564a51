//! `cargo xtask verdicts`: every sick program and every healthy one, watched and judged.
//!
//! Each is recorded once, plain and stripped, and judged after a quarter, half and all of the time.
//! A wrong conclusion fails the command, and so do too many that cannot tell in the end.

mod fixtures;

use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::Value;
use tracer_tests::{
    Flag, GoVersion, Program, Report, Running, STORIES, Story, Tool, list, run as tracer,
    sockets_of,
};

use crate::command::build_tool;
use fixtures::{FIXTURES, Fixture, Truth};

#[derive(Args)]
pub(crate) struct Options {
    /// Watch only programs with this in their name
    name: Option<String>,
    /// How many seconds to watch each
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(8..))]
    seconds: u64,
    /// How many to watch at once
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..))]
    at_once: u16,
}

/// Of all that are watched for the whole time, so many may be left undecided.
const MOST_UNDECIDED: f64 = 0.1;
const PATIENCE: Duration = Duration::from_mins(1);

/// What is watched.
struct Subject {
    name: String,
    truth: Truth,
    start: Box<dyn Fn() -> Result<Running> + Send>,
}

/// What was said, and what was true.
struct Judged {
    name: String,
    truth: Truth,
    /// Conclusion and first rule that found something, after each part of the time.
    said: Vec<(String, String)>,
    /// All rules that found something in the end.
    found: Vec<String>,
    origins: Vec<String>,
    measured: String,
}

#[expect(clippy::print_stdout, reason = "its result")]
pub(crate) fn run(options: &Options) -> Result<()> {
    build_tool()?;
    let subjects = subjects(options.name.as_deref())?;
    ensure!(!subjects.is_empty(), "no program has this name");
    let subjects = Mutex::new(subjects.into_iter());
    let judged = Mutex::new(Vec::new());
    thread::scope(|scope| -> Result<()> {
        let work = || -> Result<()> {
            while let Some(subject) = subjects.lock().ok().and_then(|mut all| all.next()) {
                let row = subject
                    .watch(options.seconds)
                    .with_context(|| subject.name.clone())?;
                println!("{}", row.text());
                if let Ok(mut rows) = judged.lock() {
                    rows.push(row);
                }
            }
            Ok(())
        };
        let threads: Vec<_> = (0..options.at_once).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            thread.join().ok().context("a thread panicked")??;
        }
        Ok(())
    })?;
    let judged = judged.into_inner().ok().context("a thread panicked")?;
    let wrong: Vec<_> = judged
        .iter()
        .filter(|row| row.is_wrong())
        .map(Judged::text)
        .collect();
    let undecided = judged.iter().filter(|row| row.is_undecided()).count();
    println!(
        "{} programs, {} judged wrongly, {undecided} undecided",
        judged.len(),
        wrong.len()
    );
    ensure!(wrong.is_empty(), "judged wrongly:\n{}", wrong.join("\n"));
    ensure!(
        undecided as f64 <= MOST_UNDECIDED * judged.len() as f64,
        "too many are undecided"
    );
    Ok(())
}

/// All programs, built, plain and stripped.
fn subjects(name: Option<&str>) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for (build, flags) in [
        ("plain", &[] as &'static [Flag]),
        ("stripped", &[Flag::Stripped]),
    ] {
        let executable = Program::build("verdicts", GoVersion::GO_1_26, flags)?;
        for Fixture(args, [variable, value], truth) in FIXTURES {
            let executable = executable.clone();
            let value_in_name = if value.is_empty() {
                String::new()
            } else {
                format!(" {variable}={value}")
            };
            subjects.push(Subject {
                name: format!("{}{value_in_name}, {build}", args.join(" ")),
                truth: *truth,
                start: Box::new(move || {
                    let mut program = Command::new(&executable);
                    let program = Running::start(program.args(*args).env(variable, value))?;
                    program.event("ready", PATIENCE)?;
                    Ok(program)
                }),
            });
        }
        for story in STORIES {
            subjects.push(Subject::of_story(story, false, build, flags)?);
            subjects.push(Subject::of_story(story, true, build, flags)?);
        }
    }
    subjects.retain(|subject| name.is_none_or(|name| subject.name.contains(name)));
    Ok(subjects)
}

impl Subject {
    fn of_story(
        story: &'static Story,
        is_healthy: bool,
        build: &str,
        flags: &'static [Flag],
    ) -> Result<Self> {
        // Built now, not while others are watched.
        Program::build(story.program, story.go, flags)?;
        let twin = if is_healthy { " healthy" } else { "" };
        let truth = match story.rule {
            _ if is_healthy => Truth::NoLeak(None),
            "lazily-freed" => Truth::NoLeak(Some(story.rule)),
            rule => Truth::Leak(rule),
        };
        Ok(Self {
            name: format!("{}{twin}, {build}", story.name),
            truth,
            start: Box::new(move || story.start(is_healthy, flags)),
        })
    }

    fn watch(&self, seconds: u64) -> Result<Judged> {
        let mut program = (self.start)()?;
        let directory = tempfile::tempdir()?;
        let trace = directory.path().join("trace");
        let trace = trace.to_str().context("a path in UTF-8")?;
        let duration = format!("{seconds}s");
        let tool = Tool::attached(
            program.pid(),
            &["--json", "-q", "-o", trace, "-d", &duration],
        )?;
        let report = tool.finish()?.report()?;
        let measured = measured(&mut program, &report)?;
        let mut said = Vec::new();
        for part in [seconds / 4, seconds / 2] {
            let to = format!("{part}s");
            said.push(first(
                &tracer(&["analyze", trace, "--to", &to, "--json"])?.report()?,
            ));
        }
        said.push(first(&report));
        let origins = list(&report.0["verdicts"][0]["origins"]).iter().map(line);
        Ok(Judged {
            name: self.name.clone(),
            truth: self.truth,
            said,
            found: found(&report),
            origins: origins.collect(),
            measured,
        })
    }
}

/// The rules that found something, the first of the report first.
fn found(report: &Report) -> Vec<String> {
    let verdicts = list(&report.0["verdicts"]).iter();
    let found = verdicts.filter(|verdict| verdict["status"] == "found");
    found
        .filter_map(|verdict| Some(verdict["rule"].as_str()?.to_owned()))
        .collect()
}

/// The conclusion, and the first rule that found something.
fn first(report: &Report) -> (String, String) {
    let conclusion = report.0["conclusion"].as_str().unwrap_or("-").to_owned();
    (
        conclusion,
        found(report).into_iter().next().unwrap_or_default(),
    )
}

fn line(origin: &Value) -> String {
    let text = |name: &str| origin[name].as_str().unwrap_or("?");
    let file = text("file").rsplit('/').next().unwrap_or_default();
    format!("{} ({file}:{})", text("function"), origin["line"])
}

/// What the report says, and in brackets what the kernel or the program says just after.
fn measured(program: &mut Running, report: &Report) -> Result<String> {
    let sockets = sockets_of(program.pid())?;
    program.send("state")?;
    let state = program
        .event("state", PATIENCE)
        .map(|state| state["live_heap_bytes"].as_f64());
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    let open = &report.0["sockets"]["open"];
    let live = report.0["heap"]["live_bytes"].as_f64().map(mib);
    let heap = match (live, state.ok().flatten().map(mib)) {
        (Some(live), Some(truth)) => format!(", live heap {live:.1} ({truth:.1}) MiB"),
        _ => String::new(),
    };
    Ok(format!("sockets {open} ({sockets}){heap}"))
}

impl Judged {
    fn is_wrong(&self) -> bool {
        let leaks = matches!(self.truth, Truth::Leak(_));
        self.said
            .iter()
            .any(|(conclusion, rule)| match conclusion.as_str() {
                "leak" => !matches!(self.truth, Truth::Leak(expected) if expected == rule),
                "no_leak" => leaks,
                _ => false,
            })
    }

    fn is_undecided(&self) -> bool {
        let is_open = self
            .said
            .last()
            .is_none_or(|(conclusion, _)| conclusion == "cannot_tell");
        let is_missed = |rule: &str| !self.found.iter().any(|found| found == rule);
        is_open || matches!(self.truth, Truth::NoLeak(Some(rule)) if is_missed(rule))
    }

    fn text(&self) -> String {
        let said = self
            .said
            .iter()
            .map(|(conclusion, rule)| format!("{conclusion} {rule}"));
        let said: Vec<_> = said.map(|said| format!("{said:34}")).collect();
        let mark = if self.is_wrong() { "WRONG " } else { "" };
        let origins = self.origins.join(", ");
        format!(
            "{mark}{:36} | {} | {} | {origins}",
            self.name,
            said.join(" | "),
            self.measured
        )
    }
}
