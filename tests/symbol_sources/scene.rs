//! Programs that make known calls, and what the tool says about the stacks of these.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tracer_tests::{Report, Running, Tool, list, workspace_root};

pub(super) const SOON: Duration = Duration::from_secs(30);

/// The program makes its calls while the tool watches, after `change` has been made to its files.
pub(super) fn watch(
    program: &mut Running,
    flags: &[&str],
    change: impl FnOnce() -> Result<()>,
) -> Result<Report> {
    let tool = Tool::attached(program.pid(), &[&["--json"], flags].concat())?;
    change()?;
    work(program)?;
    tool.finish()?.report()
}

/// The program makes its calls and ends.
pub(super) fn work(program: &mut Running) -> Result<()> {
    program.send("go")?;
    program.event("counted", SOON)?;
    // The rings are read every few milliseconds; names are asked for while the program lives.
    sleep(Duration::from_millis(200));
    program.send("exit")
}

/// Starts a command that ends up as a test program.
pub(super) fn start(command: &mut Command) -> Result<Running> {
    let program = Running::start(command)?;
    program.event("ready", SOON)?;
    Ok(program)
}

/// The frames of the first stack of a call in which some frame is `wanted`, innermost first.
pub(super) fn stack(report: &Report, wanted: impl Fn(&Value) -> bool) -> Result<Vec<Value>> {
    let calls = list(&report.0["calls"]).iter();
    let mut origins = calls
        .filter(|call| call["call"] == "munmap")
        .flat_map(|call| list(&call["origins"]));
    let found = origins.find(|origin| list(&origin["stack"]).iter().any(&wanted));
    let found = found.with_context(|| format!("no such stack in {:#}", report.0["calls"]))?;
    Ok(list(&found["stack"]).to_vec())
}

pub(super) fn function(frame: &Value) -> &str {
    frame["function"].as_str().unwrap_or_default()
}

/// A directory with a C program and its library, both with debug information.
pub(super) struct Library {
    directory: TempDir,
}

impl Library {
    /// `flags` are for the library.
    pub(super) fn new(flags: &[&str]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let library = Self { directory };
        library.compile("libsample.so", flags)?;
        let program = source("main.c");
        library.run(
            "cc",
            &[
                &program,
                "-o",
                "main",
                "-g",
                "-O1",
                "-fno-omit-frame-pointer",
            ],
            &["libsample.so", "-Wl,-rpath,$ORIGIN"],
        )?;
        Ok(library)
    }

    /// The library once more, under another name.
    pub(super) fn compile(&self, name: &str, flags: &[&str]) -> Result<()> {
        let library = source("library.c");
        let common = ["-shared", "-fPIC", "-g", "-O1", "-fno-omit-frame-pointer"];
        let common = [&common[..], &["-fno-optimize-sibling-calls"]].concat();
        self.run("cc", &[&library, "-o", name], &[&common, flags].concat())
    }

    /// Runs a command that must succeed in the directory.
    pub(super) fn run(&self, program: &str, args: &[&str], more: &[&str]) -> Result<()> {
        let mut command = Command::new(program);
        command
            .args(args)
            .args(more)
            .current_dir(self.directory.path());
        let output = command.output().with_context(|| format!("run {program}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{command:?}: {said}");
        Ok(())
    }

    pub(super) fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.directory.path().join(Path::new(&name))
    }

    /// The program, waiting for its commands.
    pub(super) fn start(&self) -> Result<Running> {
        start(&mut Command::new(self.path("main")))
    }
}

fn source(name: &str) -> String {
    let path = workspace_root().join("tests/programs/library").join(name);
    path.display().to_string()
}
