//! A program recorded from its start gate to its end, with its own account of its stacks.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tracer_tests::{Flag, GoVersion, Program, Running, Tool};

use super::recording::Recording;
use super::references::References;

/// One minor of each way in which the runtime has kept frame pointers.
pub(super) const VERSIONS: [GoVersion; 4] = [
    GoVersion::GO_1_15,
    GoVersion::GO_1_20,
    GoVersion::GO_1_26,
    GoVersion::GO_1_27,
];

const SOON: Duration = Duration::from_mins(1);

/// What both sides said.
pub(super) struct Session {
    pub(super) recording: Recording,
    pub(super) references: References,
    /// All that the program said.
    pub(super) said: Value,
}

impl Session {
    /// Runs a program under the tool.
    pub(super) fn run(program: &str, go: GoVersion, flags: &[Flag], args: &[&str]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let trace = directory.path().join("stacks.trace");
        let mut program = Running::program(&Program::build(program, go, flags)?, args)?;
        program.event("ready", SOON)?;
        let output = trace.to_str().context("path")?;
        let tool = Tool::attached(program.pid(), &["-o", output, "--json"])?;
        program.send("go")?;
        let said = program.event("walked", SOON)?;
        // The rings are read every few milliseconds; symbols are resolved while the target lives.
        sleep(Duration::from_millis(500));
        program.send("exit")?;
        tool.finish()?.report()?;
        let recording = Recording::read(&trace)?;
        ensure!(recording.lost == 0, "{} events lost", recording.lost);
        Ok(Self {
            recording,
            references: References::parse(&said)?,
            said,
        })
    }
}
