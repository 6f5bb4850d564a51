//! Standard streams that are full or that nobody reads.

use std::fs::File;
use std::io::Read as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use tracer_tests::{Outcome, tracer_binary};

use super::ask::{DONE, NOBODY_HAS, UNSUPPORTED, USAGE, refused, steady};

/// A device that is always full.
fn full() -> Result<File> {
    Ok(File::options().write(true).open("/dev/full")?)
}

fn tracer(args: &[&str]) -> Result<Command> {
    let mut command = Command::new(tracer_binary()?);
    command.args(args).stdin(Stdio::null());
    Ok(command)
}

#[test]
fn a_full_stdout() -> Result<()> {
    let steady = steady()?;
    let pid = steady.pid().to_string();
    for args in [
        &["explain"][..],
        &["--help"],
        &["doctor", "--json"],
        &["attach", "--pid", &pid, "-d", "500ms", "--json"],
    ] {
        let output = tracer(args)?
            .stdout(full()?)
            .stderr(Stdio::piped())
            .output()?;
        let outcome = Outcome {
            code: output.status.code(),
            stdout: String::new(),
            said_at: None,
            stderr: String::from_utf8(output.stderr)?,
            took: std::time::Duration::ZERO,
        };
        refused(&outcome, USAGE, "cannot write to stdout: No space left")?;
    }
    Ok(())
}

/// As with `| head -1`.
#[test]
fn a_stdout_that_nobody_reads() -> Result<()> {
    let steady = steady()?;
    let pid = steady.pid().to_string();
    for args in [
        &["explain"][..],
        &["--help"],
        &["attach", "--pid", &pid, "-d", "500ms"],
    ] {
        let piped = tracer(args)?
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = piped?;
        drop(child.stdout.take());
        let mut said = String::new();
        let mut stderr = child.stderr.take().context("stderr is piped")?;
        stderr.read_to_string(&mut said)?;
        let code = child.wait()?.code();
        ensure!(
            (code, said.as_str()) == (Some(DONE), ""),
            "{args:?}: {code:?} {said}"
        );
    }
    Ok(())
}

/// The exit code still tells.
#[test]
fn a_full_stderr() -> Result<()> {
    let steady = steady()?;
    let (there, nobody) = (steady.pid().to_string(), NOBODY_HAS.to_string());
    let directory = tempfile::tempdir()?;
    let trace = directory.path().join("x").display().to_string();
    for (args, code) in [
        (&["bogus"][..], USAGE),
        (&["attach", "--pid", &nobody], UNSUPPORTED),
        (
            &[
                "attach", "-vv", "--pid", &there, "-d", "500ms", "-o", &trace,
            ],
            DONE,
        ),
    ] {
        let output = tracer(args)?.stderr(full()?).output()?;
        ensure!(output.status.code() == Some(code), "{args:?}: {output:?}");
        ensure!(
            output.stdout.is_empty() == (code != DONE),
            "{args:?}: {output:?}"
        );
    }
    Ok(())
}
