//! What cannot be seen of sockets is said, and nothing is guessed in its place.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;
use tracer_tests::{
    GoVersion, Program, Running, Tool, check_open, list, sockets_of, tracer_binary,
};

use super::ask::{DONE, SOON, is_gone, patched, with_mounts};

/// A program dials in the goroutines of a library, while the tool sees other mounts: `PID` in the
/// script is that of the program. Returns the report, whose open sockets are those of the kernel.
fn watched(executable: &Path, script: &str) -> Result<Value> {
    let mut program = Running::program(executable, &["-n", "3"])?;
    program.event("ready", SOON)?;
    let (pid, tracer) = (program.pid().to_string(), tracer_binary()?);
    let tracer = tracer.display().to_string();
    let options = ["--verbose", "--json", "--creators", "on", "--pid", &pid];
    let command = [&[tracer.as_str(), "attach"], &options[..]].concat();
    let mut tool = Tool::spawn(&mut with_mounts(&script.replace("PID", &pid), &command))?;
    tool.until("attached")?;
    program.send("go")?;
    program.event("counted", SOON)?;
    // Until they are listed.
    sleep(Duration::from_millis(1500));
    let open = sockets_of(program.pid())?;
    tool.signal(Signal::INT)?;
    let report = tool.finish()?.report()?.0;
    check_open(&report, open)?;
    Ok(report)
}

fn creators() -> Result<PathBuf> {
    Program::build("creators", GoVersion::GO_1_26, &[])
}

#[test]
fn without_uprobes_no_origin_is_guessed() -> Result<()> {
    let script = "mount -t tmpfs tmpfs /sys/bus/event_source/devices/uprobe";
    without_origins(&watched(&creators()?, script)?)
}

/// As in a release whose runtime creates goroutines elsewhere.
#[test]
fn without_newproc1_no_origin_is_guessed() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("creators");
    let (old, new) = (b"runtime.newproc1\0", b"runtime.newprocX\0");
    patched("creators", old, new, &path)?;
    let report = watched(&path, "true")?;
    let reason = &report["sockets"]["creators"]["reason"];
    ensure!(reason == "there is no runtime.newproc1", "{reason}");
    without_origins(&report)
}

/// Creations are not watched, and each origin that takes them says why it is not known.
fn without_origins(report: &Value) -> Result<()> {
    let creators = &report["sockets"]["creators"];
    ensure!(creators["watching"] == false, "{creators:#}");
    let reason = creators["reason"].as_str().context("a reason")?;
    let mut dialled = 0;
    for origin in list(&report["sockets"]["origins"]) {
        if origin["accepted"] == true {
            continue;
        }
        dialled += 1;
        let missing = origin["origin_missing"].as_str().unwrap_or_default();
        ensure!(origin["origin"].is_null(), "{origin:#}");
        ensure!(missing.contains(reason), "{origin:#}");
    }
    ensure!(dialled > 0, "{report:#}");
    Ok(())
}

#[test]
fn without_the_tables_of_the_network_states_are_not_known() -> Result<()> {
    let report = watched(&creators()?, "mount -t tmpfs tmpfs /proc/PID/net")?;
    let sockets = &report["sockets"];
    let missing = sockets["states_missing"].as_str().unwrap_or_default();
    ensure!(missing.contains("/proc/PID/net"), "{sockets:#}");
    ensure!(sockets["queued_bytes"].is_null(), "{sockets:#}");
    let (origins, others) = (list(&sockets["origins"]), list(&sockets["unexplained"]));
    ensure!(!origins.is_empty() && !others.is_empty(), "{sockets:#}");
    for group in origins.iter().chain(others) {
        ensure!(group["states"].is_null(), "{group:#}");
        ensure!(group["bytes_sent"].is_null(), "{group:#}");
    }
    // What the calls have told is known all the same.
    ensure!(origins.iter().all(|origin| !origin["origin"].is_null()));
    Ok(())
}

/// When the tool attaches and closes come, in milliseconds after it was started.
const DELAYS: &[u64] = &[0, 20, 60, 120, 200, 300, 500, 1000];

/// Each socket from before is open or was closed, whichever list had it last.
#[test]
fn all_is_closed_while_it_is_listed() -> Result<()> {
    let executable = Program::build("sockets", GoVersion::GO_1_26, &[])?;
    for milliseconds in DELAYS {
        let mut program = Running::program(&executable, &["-good", "0", "-leaky", "1000"])?;
        program.event("ready", SOON)?;
        program.send("go")?;
        program.event("counted", SOON)?;
        let pid = program.pid().to_string();
        let tool = Tool::start(&["attach", "--json", "-q", "-d", "4s", "--pid", &pid])?;
        sleep(Duration::from_millis(*milliseconds));
        program.send("close")?;
        program.event("counted", SOON)?;
        let report = tool.finish()?.report()?.0;
        let sockets = &report["sockets"];
        let number = |key: &str| sockets[key].as_u64().context(key.to_owned());
        let (open, before) = (number("open")?, number("pre_existing")?);
        let after = format!("after {milliseconds} ms: {sockets:#}");
        ensure!(open == 1 && open == sockets_of(program.pid())?, "{after}");
        ensure!(number("opened")? == 0, "{after}");
        ensure!(number("closed")? == before - open, "{after}");
        ensure!(before <= 2001, "{after}");
    }
    Ok(())
}

/// The namespace of the network goes with the process.
#[test]
fn the_process_ends_while_its_sockets_are_listed() -> Result<()> {
    let executable = Program::build("sockets", GoVersion::GO_1_26, &[])?;
    for milliseconds in DELAYS {
        let mut command = Command::new("unshare");
        command.arg("--net").arg(&executable);
        let mut program = Running::start(command.args(["-alone", "-good", "0", "-leaky", "1000"]))?;
        program.event("ready", SOON)?;
        program.send("go")?;
        program.event("counted", SOON)?;
        let pid = program.pid().to_string();
        let tool = Tool::start(&["sockets", "-d", "4s", "--pid", &pid])?;
        sleep(Duration::from_millis(*milliseconds));
        program.signal(Signal::KILL)?;
        program.wait(SOON)?;
        let outcome = tool.finish()?;
        if outcome.code == Some(DONE) {
            ensure!(outcome.stdout.contains("sockets"), "{outcome:?}");
        } else {
            is_gone(&outcome).with_context(|| format!("after {milliseconds} ms"))?;
        }
    }
    Ok(())
}
