//! Recordings of sick programs and their healthy twins, kept for ever, and the reports they give.
//!
//! `rules/RULE.found.trace` and `RULE.clear.trace` exist for every rule; `stories/`, `leaks/` and
//! `lookalikes/` are further services, and those of `near/` come near to a threshold of a rule. The
//! `.txt` beside each is the report it must give, `windows.txt` tells how parts of them are judged.
//! After a wanted change of the report: `BLESS=1 cargo test --test golden`. With any threshold
//! doubled or halved one of them is judged otherwise: `rules/mutations.rs` of `tracer-core` sees to
//! that.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use tracer_core::event::Event;
use tracer_core::report::{Conclusion, Report, Status, text};
use tracer_core::rules::RULES;
use tracer_core::trace::Reader;
use tracer_core::window::{Window, Windowed};
use tracer_tests::STORIES;

/// What lives on although nobody needs it.
const LEAKS: &[&str] = &[
    "client-per-request",
    "retained-after-close",
    "socket-leak",
    "goroutine-leak",
    "heap-growth",
    "native-growth",
    "file-mapping-growth",
];
/// Where recordings are whose shorter looks are judged alike. What is near to a threshold may lie on
/// its other side there.
const FOLDERS: &[&str] = &["rules", "leaks", "stories", "lookalikes"];
/// Windows of each recording that are judged.
const WINDOWS: u64 = 30;
/// Parts of each recording, in seconds, of which `windows.txt` tells the judgement.
const PARTS: &[(u64, Option<u64>)] = &[(0, Some(6)), (0, Some(12)), (0, Some(20)), (10, None)];

fn golden() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// What a recording holds.
fn events(trace: &Path) -> Result<Vec<Event>> {
    let bytes = fs::read(trace).with_context(|| trace.display().to_string())?;
    Ok(Reader::open(bytes.as_slice())?.collect())
}

/// The report on a window of a recording.
fn judge(events: &[Event], window: Window) -> Result<Report> {
    let mut windowed = Windowed::new(window);
    for event in events {
        windowed.apply(event);
    }
    windowed.finish().report().context("no process")
}

/// The report on all of it, which must read as the file beside it.
fn blessed(trace: &Path) -> Result<Report> {
    let report = judge(&events(trace)?, Window::default())?;
    let expected = trace.with_extension("txt");
    if env::var_os("BLESS").is_some() {
        fs::write(&expected, text(&report))?;
    }
    let expected = fs::read_to_string(&expected)?;
    ensure!(
        text(&report) == expected,
        "{}: the report is another now:\n{}",
        trace.display(),
        text(&report)
    );
    Ok(report)
}

/// The recordings of a folder, in the order of their names.
fn recordings(folder: &str) -> Result<Vec<PathBuf>> {
    let mut traces = Vec::new();
    for entry in fs::read_dir(golden().join(folder))? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "trace")
        {
            traces.push(path);
        }
    }
    ensure!(!traces.is_empty(), "no recording in {folder}");
    traces.sort();
    Ok(traces)
}

#[test]
fn each_rule_tells_sick_from_healthy() -> Result<()> {
    for rule in RULES {
        for (status, name) in [(Status::Found, "found"), (Status::Clear, "clear")] {
            let trace = golden().join(format!("rules/{}.{name}.trace", rule.name()));
            let report = blessed(&trace)?;
            let mut verdicts = report.verdicts.iter();
            let verdict = verdicts.find(|verdict| verdict.rule == rule.name());
            let found = verdict.context("no verdict")?;
            ensure!(found.status == status, "{name}: {found:#?}");
        }
    }
    Ok(())
}

/// Answer and first finding.
#[test]
fn the_readme_shows_the_first_screens_of_the_stories() -> Result<()> {
    let readme = fs::read_to_string(tracer_tests::workspace_root().join("README.md"))?;
    for story in ["story1", "story2", "story3", "story4"] {
        let report = golden().join(format!("stories/{story}.sick.txt"));
        let report = fs::read_to_string(report)?;
        let screen: Vec<&str> = report.split("\n\n").take(2).collect();
        let screen = format!("    {}", screen.join("\n\n").replace('\n', "\n    "));
        let screen = screen.replace("\n    \n", "\n\n");
        ensure!(readme.contains(&screen), "{story}: README lacks\n{screen}");
    }
    Ok(())
}

#[test]
fn each_story_is_told_by_its_rule() -> Result<()> {
    for story in STORIES {
        let sick = golden().join(format!("stories/{}.sick.trace", story.name));
        let report = blessed(&sick)?;
        let first = report.verdicts.first().context("no verdict")?;
        ensure!(first.rule == story.rule, "{}: {first:#?}", story.name);
        let functions = first.origins.iter().map(|origin| &origin.line.function);
        let mut functions: Vec<&str> = functions.map(String::as_str).collect();
        functions.sort_unstable();
        if !story.guilty.is_empty() {
            ensure!(functions == story.guilty, "{}: {functions:?}", story.name);
        }
        let is_leak = LEAKS.contains(&story.rule);
        let expected = if is_leak {
            Conclusion::Leak
        } else {
            Conclusion::NoLeak
        };
        ensure!(
            report.conclusion == expected,
            "{}: {}",
            story.name,
            report.why
        );

        let healthy = golden().join(format!("stories/{}.healthy.trace", story.name));
        let report = blessed(&healthy)?;
        ensure!(
            report.conclusion != Conclusion::Leak,
            "{}: {}",
            story.name,
            report.why
        );
    }
    Ok(())
}

#[test]
fn a_leak_is_found_by_the_rule_that_its_recording_names() -> Result<()> {
    for trace in recordings("leaks")? {
        let report = blessed(&trace)?;
        let name = trace.file_name().and_then(|name| name.to_str());
        let rule = name.and_then(|name| name.split('.').next());
        let first = report.verdicts.first().context("no verdict")?;
        ensure!(Some(first.rule) == rule && first.leak, "{first:#?}");
    }
    Ok(())
}

#[test]
fn what_only_looks_like_a_leak_is_none() -> Result<()> {
    for trace in recordings("lookalikes")? {
        let report = blessed(&trace)?;
        ensure!(
            report.conclusion == Conclusion::NoLeak,
            "{}: {}",
            trace.display(),
            report.why
        );
    }
    Ok(())
}

#[test]
fn what_is_near_to_a_threshold_is_judged_as_before() -> Result<()> {
    for trace in recordings("near")? {
        blessed(&trace)?;
    }
    Ok(())
}

#[test]
fn parts_of_recordings_are_judged_as_before() -> Result<()> {
    let mut found = String::new();
    for folder in FOLDERS.iter().chain(&["near"]) {
        for trace in recordings(folder)? {
            let events = events(&trace)?;
            let name = trace.file_stem().context("a name")?.to_string_lossy();
            for (from, to) in PARTS {
                let window = Window {
                    from: Duration::from_secs(*from),
                    to: to.map(Duration::from_secs),
                };
                let until = to.map_or("the end".to_owned(), |to| format!("{to} s"));
                let said = summary(&judge(&events, window)?);
                writeln!(found, "{folder}/{name} from {from} s to {until}: {said}")?;
            }
        }
    }
    let table = golden().join("windows.txt");
    if env::var_os("BLESS").is_some() {
        fs::write(&table, &found)?;
    }
    let known = fs::read_to_string(&table)?;
    for (found, known) in found.lines().zip(known.lines()) {
        ensure!(found == known, "it was\n{known}\nand is\n{found}");
    }
    ensure!(
        found == known,
        "other recordings than in {}",
        table.display()
    );
    Ok(())
}

/// The conclusion, and the rules that found something or could not judge.
fn summary(report: &Report) -> String {
    let rules = |status: Status| -> String {
        let verdicts = report.verdicts.iter();
        let of_status = verdicts.filter(|verdict| verdict.status == status);
        let names: Vec<&str> = of_status.map(|verdict| verdict.rule).collect();
        names.join(" ")
    };
    let (found, unsure) = (rules(Status::Found), rules(Status::Unsure));
    format!("{:?}; found: {found}; unsure: {unsure}", report.conclusion)
}

#[test]
fn no_window_of_a_recording_is_judged_wrongly() -> Result<()> {
    let mut windows = Windows(0x9e37_79b9_7f4a_7c15);
    let mut wrong = Vec::new();
    for folder in FOLDERS {
        for trace in recordings(folder)? {
            let events = events(&trace)?;
            let whole = judge(&events, Window::default())?;
            let is_sick = whole.conclusion == Conclusion::Leak;
            let never = if is_sick {
                Conclusion::NoLeak
            } else {
                Conclusion::Leak
            };
            for _ in 0..WINDOWS {
                let window = windows.next(whole.window.seconds);
                let report = judge(&events, window)?;
                if report.conclusion == never {
                    wrong.push(format!("{} {window:?}: {}", trace.display(), report.why));
                }
            }
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Windows drawn at random, the same ones in every run.
struct Windows(u64);

impl Windows {
    fn next(&mut self, seconds: f64) -> Window {
        let (one, other) = (self.share() * seconds, self.share() * seconds);
        Window {
            from: Duration::from_secs_f64(one.min(other)),
            to: Some(Duration::from_secs_f64(one.max(other))),
        }
    }

    /// From 0 to 1 (Marsaglia's xorshift).
    fn share(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}
