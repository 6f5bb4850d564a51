//! `analyze --symbols`: names for a recording, of files that are at hand later.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use tracer_tests::{GoVersion, Outcome, Running, Tool, run};

use super::scene::{Library, function, stack, start, work};

/// A recording, and the report that was printed when it was made.
struct Recorded {
    directory: TempDir,
    live: Outcome,
}

impl Recorded {
    fn of(program: &mut Running, flags: &[&str]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let trace = directory.path().join("x.trace").display().to_string();
        let tool = Tool::attached(program.pid(), &[flags, &["--json", "-o", &trace]].concat())?;
        work(program)?;
        let live = tool.finish()?;
        ensure!(live.code == Some(0), "{live:?}");
        Ok(Self { directory, live })
    }

    /// `tracer analyze --json` with these files.
    fn analyze(&self, files: &[PathBuf]) -> Result<Outcome> {
        let trace = self.directory.path().join("x.trace");
        let mut args = vec!["analyze".into(), "--json".into(), trace.into_os_string()];
        for file in files {
            args.extend(["--symbols".into(), file.clone().into_os_string()]);
        }
        let outcome = run(&args)?;
        ensure!(outcome.code == Some(0), "{outcome:?}");
        Ok(outcome)
    }

    /// The files change nothing but this warning.
    #[track_caller]
    fn useless(&self, file: &Path, warning: &str) -> Result<()> {
        let outcome = self.analyze(&[file.to_owned()])?;
        assert_eq!(outcome.stderr.trim_end(), warning);
        assert_eq!(outcome.stdout, self.live.stdout);
        Ok(())
    }
}

/// The frames of the library: function and source file.
fn frames(outcome: &Outcome) -> Result<Vec<String>> {
    let stack = stack(&outcome.report()?, |frame| {
        function(frame) == "library_calls"
    })?;
    let frames = stack.iter().map(|frame| {
        let file = frame["file"].as_str().unwrap_or("-");
        let name = function(frame).split("+0x").next().unwrap_or_default();
        format!("{name} {}", file.rsplit('/').next().unwrap_or_default())
    });
    let of_library = ["libsample.so", "library_"];
    let is_wanted = |frame: &String| of_library.iter().any(|begin| frame.starts_with(begin));
    Ok(frames.filter(is_wanted).collect())
}

/// A stripped library was recorded; its debug files come later.
fn recorded(flags: &[&str]) -> Result<(Library, Recorded)> {
    let library = Library::new(flags)?;
    fs::copy(library.path("libsample.so"), library.path("whole.so"))?;
    library.run(
        "objcopy",
        &["--only-keep-debug", "libsample.so", "only.debug"],
        &[],
    )?;
    library.run("strip", &["--strip-all", "libsample.so"], &[])?;
    let recorded = Recorded::of(&mut library.start()?, &["--any"])?;
    Ok((library, recorded))
}

const NAMED: [&str; 2] = ["library_inner library.c", "library_calls library.c"];
const STRIPPED: [&str; 2] = ["libsample.so -", "library_calls -"];

#[test]
fn debug_files_of_the_same_build() -> Result<()> {
    let (library, recorded) = recorded(&[])?;
    ensure!(frames(&recorded.live)? == STRIPPED, "{:?}", recorded.live);
    let again = recorded.analyze(&[])?;
    assert_eq!(again.stdout, recorded.live.stdout);
    for file in ["whole.so", "only.debug"] {
        let better = recorded.analyze(&[library.path(file)])?;
        ensure!(frames(&better)? == NAMED, "{file}: {:?}", frames(&better)?);
        ensure!(better.stderr.is_empty(), "{better:?}");
    }
    // Of the same build, and as poor as what was there.
    recorded.useless(&library.path("libsample.so"), "")
}

#[test]
fn files_of_other_builds_and_damaged_ones() -> Result<()> {
    let (library, recorded) = recorded(&[])?;
    library.compile("other.so", &["-DOTHER", "-O2"])?;
    let strange = "names nothing here: no code of its build is on a stack of the trace";
    recorded.useless(
        &library.path("other.so"),
        &format!("warning: other.so {strange}"),
    )?;
    // The symbols are behind the cut.
    let mut bytes = fs::read(library.path("whole.so"))?;
    bytes.truncate(bytes.len() / 2);
    fs::write(library.path("cut.so"), &bytes)?;
    let cut = recorded.analyze(&[library.path("cut.so")])?;
    let why = format!(
        "warning: cut.so: the file ends at byte {}, before",
        bytes.len()
    );
    ensure!(cut.stderr.starts_with(&why), "{cut:?}");
    assert_eq!(cut.stdout, recorded.live.stdout);
    // One good file among several is enough.
    let names = ["other.so", "cut.so", "only.debug"];
    let several = recorded.analyze(&names.map(|name| library.path(name)))?;
    ensure!(frames(&several)? == NAMED, "{several:?}");
    ensure!(several.stderr.lines().count() == 2, "{several:?}");
    let trace = recorded
        .directory
        .path()
        .join("x.trace")
        .display()
        .to_string();
    let missing = run(&["analyze", &trace, "--symbols", "/nonexistent"])?;
    ensure!(
        missing.code == Some(2) && missing.stdout.is_empty(),
        "{missing:?}"
    );
    Ok(())
}

#[test]
fn a_library_without_build_id() -> Result<()> {
    let (library, recorded) = recorded(&["-Wl,--build-id=none"])?;
    ensure!(frames(&recorded.live)? == STRIPPED, "{:?}", recorded.live);
    // Only the very file is known again.
    recorded.useless(&library.path("libsample.so"), "")?;
    let strange = "names nothing here: no code of its build is on a stack of the trace";
    recorded.useless(
        &library.path("whole.so"),
        &format!("warning: whole.so {strange}"),
    )
}

const GO: &str = r#"package main

import (
	"bufio"
	"fmt"
	"os"
	"syscall"
)

//go:noinline
func work() {
	for i := 0; i < 20; i++ {
		memory, err := syscall.Mmap(-1, 0, 19*4096, syscall.PROT_READ, syscall.MAP_PRIVATE|syscall.MAP_ANON)
		if err == nil {
			err = syscall.Munmap(memory)
		}
		if err != nil {
			os.Exit(1)
		}
	}
}

func main() {
	fmt.Println(`{"event":"ready"}`)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if lines.Text() == "exit" {
			return
		}
		work()
		fmt.Println(`{"event":"counted"}`)
	}
}
"#;

#[test]
fn a_go_program_without_build_id() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let program = directory.path().join("program");
    fs::write(directory.path().join("main.go"), GO)?;
    let mut build = GoVersion::GO_1_26.command()?;
    build.current_dir(directory.path()).env("CGO_ENABLED", "0");
    build
        .args(["build", "-ldflags=-s -w -buildid=", "-o"])
        .arg(&program);
    let output = build.arg("main.go").output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let recorded = Recorded::of(&mut start(&mut Command::new(&program))?, &[])?;
    let report = recorded.live.report()?;
    ensure!(
        report.0["process"]["build_id"].is_null(),
        "{:#}",
        report.0["process"]
    );
    let stack = stack(&report, |frame| function(frame) == "main.work")?;
    let work = stack.iter().find(|frame| function(frame) == "main.work");
    let line = work.context("no main.work")?["line"].as_u64();
    ensure!(
        line.is_some_and(|line| (14..=16).contains(&line)),
        "{stack:#?}"
    );
    recorded.useless(&program, "")
}
