//! Runs other programs: in the open, or with their output in a log that is read only on failure.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow, bail};

/// A command that works in the root of the workspace.
pub(crate) fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(tracer_tests::workspace_root());
    command
}

/// The cargo that runs this program.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    command(&cargo, args)
}

/// Builds the tool as users do.
pub(crate) fn build_tool() -> Result<()> {
    shown(&mut cargo(&[
        "build",
        "--quiet",
        "--release",
        "--bin",
        "tracer",
    ]))
}

/// Runs a command whose output the user sees.
pub(crate) fn shown(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .map_err(|error| not_started(command, &error))?;
    if !status.success() {
        bail!("`{}` failed: {status}", text(command));
    }
    Ok(())
}

/// Runs a command whose output only matters when it fails; returns its stdout.
pub(crate) fn logged(command: &mut Command) -> Result<String> {
    let directory = tracer_tests::target_directory().join("xtask");
    fs::create_dir_all(&directory).with_context(|| format!("create {}", directory.display()))?;
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default()
        .to_owned();
    let log = directory.join(program).with_extension("log");
    let file = File::create(&log).with_context(|| format!("create {}", log.display()))?;
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(file)
        .output()
        .map_err(|error| not_started(command, &error))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let complaints = fs::read_to_string(&log).unwrap_or_default();
        let why = complaints
            .lines()
            .chain(said.lines())
            .rfind(|line| !line.trim().is_empty());
        bail!(
            "`{}` failed: {} (all of it: {})",
            text(command),
            why.unwrap_or("it did not say why").trim(),
            log.display()
        );
    }
    Ok(said)
}

/// What a command prints, or `None` if it is missing or fails.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn not_started(command: &Command, error: &std::io::Error) -> anyhow::Error {
    let program = command.get_program().to_string_lossy();
    match error.kind() {
        ErrorKind::NotFound => anyhow!("`{program}` is not installed"),
        _ => anyhow!("`{program}` does not start: {error}"),
    }
}

fn text(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default();
    let mut words = vec![program.to_string_lossy()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy()));
    words.join(" ")
}
