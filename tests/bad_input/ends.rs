//! Ends of a recording: a report in time, or none at once.

use std::io::{BufRead as _, BufReader, PipeReader};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustix::process::Signal;
use tracer_tests::{Running, tracer_binary};

use super::ask::{DONE, INTERRUPTED, SOON, native, steady};

/// The report must be there this long after the end.
const IN_TIME: Duration = Duration::from_secs(2);

/// The tool while it watches. Its stderr is held so that it can be written.
fn watching(pid: u32, flags: &[&str]) -> Result<(Running, BufReader<PipeReader>)> {
    let (reader, writer) = std::io::pipe()?;
    let mut command = Command::new(tracer_binary()?);
    command
        .args(["attach", "-v", "--pid", &pid.to_string()])
        .args(flags)
        .stderr(Stdio::from(writer));
    let tool = Running::start(&mut command)?;
    // Or our end of the pipe would hide the end of the tool.
    drop(command);
    let mut stderr = BufReader::new(reader);
    let mut said = String::new();
    while !said.contains("attached") {
        ensure!(stderr.read_line(&mut said)? > 0, "it says {said:?}");
    }
    Ok((tool, stderr))
}

/// The first line of the report comes in time, the exit code is 0.
fn reports(mut tool: Running, ended: Instant) -> Result<()> {
    let line = tool.line(SOON)?;
    let waited = ended.elapsed();
    ensure!(line.starts_with("conclusion: "), "{line:?}");
    ensure!(waited < IN_TIME, "the report came after {waited:?}");
    let (code, signal) = tool.ending(SOON)?;
    ensure!((code, signal) == (Some(DONE), None), "{code:?} {signal:?}");
    Ok(())
}

#[test]
fn each_signal_that_asks_for_an_end() -> Result<()> {
    let steady = steady()?;
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (tool, _stderr) = watching(steady.pid(), &[])?;
        let ended = Instant::now();
        tool.signal(signal)?;
        reports(tool, ended)?;
    }
    Ok(())
}

#[test]
fn the_end_of_the_target() -> Result<()> {
    for kill in [false, true] {
        let mut native = native()?;
        let (tool, _stderr) = watching(native.pid(), &["--any"])?;
        let ended = Instant::now();
        if kill {
            native.signal(Signal::KILL)?;
        } else {
            native.send("exit")?;
        }
        native.wait(SOON)?;
        reports(tool, ended)?;
    }
    Ok(())
}

/// One comes while the first is being obeyed, whenever that is.
#[test]
fn more_than_one_interrupt() -> Result<()> {
    let steady = steady()?;
    let (mut tool, _stderr) = watching(steady.pid(), &[])?;
    let start = Instant::now();
    let ending = loop {
        tool.signal(Signal::INT)?;
        sleep(Duration::from_millis(5));
        // Tells at once, in time or never.
        if let Ok(ending) = tool.ending(Duration::ZERO) {
            break ending;
        }
        ensure!(start.elapsed() < SOON, "it does not end");
    };
    ensure!(ending == (Some(INTERRUPTED), None), "{ending:?}");
    Ok(())
}
