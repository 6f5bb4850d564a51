//! Processes that cannot be traced, that are no Go programs, and that go away.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;
use serde_json::Value;
use tracer_tests::{GoVersion, Outcome, Program, Running, Tool, functions, list};

use super::ask::{
    DONE, NOBODY_HAS, SOON, UNSUPPORTED, USAGE, attach, is_gone, native, refused, steady,
};

#[test]
fn no_process_and_no_memory() -> Result<()> {
    attach(0, &[], USAGE, "0 is not a pid")?;
    attach(NOBODY_HAS, &[], UNSUPPORTED, "no process with pid")?;
    // kthreadd, in the first pid namespace of every kernel.
    attach(2, &[], UNSUPPORTED, "kernel thread")?;
    attach(2, &["--any"], UNSUPPORTED, "kernel thread")
}

#[test]
fn a_thread_is_no_process() -> Result<()> {
    let steady = steady()?;
    let pid = steady.pid().to_string();
    let mut thread = None;
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        thread = thread.or(Some(name).filter(|name| *name != pid));
    }
    let thread = thread.context("a Go program has several threads")?;
    let outcome = tracer_tests::attach(thread.parse()?, &[])?;
    refused(&outcome, UNSUPPORTED, "is a thread")?;
    let hint = outcome.complaint()?.1;
    ensure!(hint.contains(&format!("--pid {pid}")), "{hint}");
    Ok(())
}

#[test]
fn a_zombie() -> Result<()> {
    let mut child = Command::new("true").spawn()?;
    // Not waited for, so it stays.
    let file = format!("/proc/{}/stat", child.id());
    let start = Instant::now();
    while !fs::read_to_string(&file)?.contains(") Z ") {
        ensure!(start.elapsed() < SOON, "it does not end");
        sleep(Duration::from_millis(2));
    }
    let refusal = attach(child.id(), &[], UNSUPPORTED, "zombie");
    child.wait()?;
    refusal
}

#[test]
fn what_else_it_is_if_not_go() -> Result<()> {
    let native = native()?;
    let native_is = "(native) is not a Go program: it looks like C";
    attach(native.pid(), &[], UNSUPPORTED, native_is)?;
    // Both wait for their stdin; a shell that ran one more command would become that one.
    let shell = Running::start(Command::new("sh").args(["-c", "read line; echo"]))?;
    until_it_runs(shell.pid(), "sh")?;
    attach(shell.pid(), &[], UNSUPPORTED, "it looks like a shell")?;
    let outcome = tracer_tests::attach(shell.pid(), &[])?;
    ensure!(outcome.complaint()?.1.contains("--any"), "{outcome:?}");
    Ok(())
}

/// Waits until the new program stands in the place of the one that started it.
fn until_it_runs(pid: u32, name: &str) -> Result<()> {
    let start = Instant::now();
    while fs::read_to_string(format!("/proc/{pid}/comm"))?.trim() != name {
        ensure!(start.elapsed() < SOON, "{pid} is not {name}");
        sleep(Duration::from_millis(2));
    }
    Ok(())
}

#[test]
fn any_program_is_traced_on_request() -> Result<()> {
    let mut native = native()?;
    let tool = Tool::attached(native.pid(), &["--any", "--json"])?;
    native.send("go")?;
    native.event("counted", SOON)?;
    native.send("exit")?;
    let report = tool.finish()?.report()?;
    ensure!(report.0["process"]["go_version"].is_null(), "{report:#?}");
    // Ten, the reading one before and the restoring one after.
    ensure!(report.calls("brk", |_| true).0 == 12, "{report:#?}");
    // The C library keeps no frame pointers: the caller of its `syscall` is not seen.
    let from_main = |origin: &Value| functions(origin).contains(&"main".to_owned());
    ensure!(report.calls("munmap", from_main).0 == 10, "{report:#?}");
    Ok(())
}

/// It lives for as long as each step of attaching takes, and a bit longer.
#[test]
fn a_process_that_exits_during_attach() -> Result<()> {
    let executable = Program::build("steady", GoVersion::GO_1_26, &[])?;
    for milliseconds in [0, 2, 5, 20, 60, 120, 200, 300] {
        let mut program = Running::program(&executable, &[])?;
        let pid = program.pid().to_string();
        let tool = Tool::start(&["attach", "--pid", &pid])?;
        sleep(Duration::from_millis(milliseconds));
        program.send("exit")?;
        program.wait(SOON)?;
        ended(&tool.finish()?).with_context(|| format!("after {milliseconds} ms"))?;
    }
    Ok(())
}

/// The same while its heap is read, as slowly as can be.
#[test]
fn a_process_that_exits_while_it_is_read() -> Result<()> {
    let executable = Program::build("holders", GoVersion::GO_1_26, &[])?;
    for asked in [&["heap"][..], &["holders", "--pace", "1000"]] {
        for milliseconds in [0, 5, 20, 60, 120, 300] {
            let mut program = Running::program(&executable, &[])?;
            program.event("kept", SOON)?;
            let pid = program.pid().to_string();
            let tool = Tool::start(&[asked, &["--pid", &pid]].concat())?;
            sleep(Duration::from_millis(milliseconds));
            program.signal(Signal::KILL)?;
            program.wait(SOON)?;
            let outcome = tool.finish()?;
            if outcome.code != Some(DONE) {
                is_gone(&outcome).with_context(|| format!("{asked:?}, {milliseconds} ms"))?;
            }
        }
    }
    Ok(())
}

/// A report, or the reason why there is none.
fn ended(outcome: &Outcome) -> Result<()> {
    if outcome.code == Some(DONE) {
        ensure!(outcome.stdout.contains("ended by exit"), "{outcome:?}");
        return Ok(());
    }
    is_gone(outcome)
}

/// It leaks, but not while it is stopped: that proves nothing.
#[test]
fn a_process_that_stands_still() -> Result<()> {
    let program = Program::build("verdicts", GoVersion::GO_1_26, &[])?;
    let leaking = Running::program(&program, &["heap-growth"])?;
    leaking.event("ready", SOON)?;
    let tool = Tool::attached(leaking.pid(), &["--json"])?;
    sleep(Duration::from_secs(2));
    leaking.signal(Signal::STOP)?;
    sleep(Duration::from_secs(5));
    tool.signal(Signal::INT)?;
    let report = tool.finish()?.report()?;
    leaking.signal(Signal::CONT)?;
    ensure!(report.0["conclusion"] == "cannot_tell", "{report:#?}");
    let missing = report.verdict("heap-growth")["missing"].as_str();
    ensure!(
        missing.is_some_and(|missing| missing.contains("the process was stopped for")),
        "{report:#?}"
    );
    Ok(())
}

#[test]
fn a_recycled_pid_is_another_process() -> Result<()> {
    for _ in 0..5 {
        let mut first = native()?;
        let tool = Tool::attached(first.pid(), &["--any", "--json"])?;
        first.send("go")?;
        first.event("counted", SOON)?;
        first.signal(Signal::KILL)?;
        first.wait(SOON)?;
        // The next process gets the number after this one.
        let before = (first.pid() - 1).to_string();
        fs::write("/proc/sys/kernel/ns_last_pid", before)?;
        let mut second = Running::program(&Program::build_c("native")?, &["500"])?;
        second.event("ready", SOON)?;
        second.send("go")?;
        second.event("counted", SOON)?;
        if second.pid() != first.pid() {
            // Somebody else was faster.
            continue;
        }
        // Were it taken for the first one, the tool would stay with it.
        sleep(Duration::from_secs(1));
        second.send("exit")?;
        let report = tool.finish()?.report()?;
        ensure!(report.0["window"]["ended_by"] == "exit", "{report:#?}");
        ensure!(report.0["process"]["execs"] == 0, "{report:#?}");
        let seen = list(&report.0["calls"]);
        ensure!(report.calls("brk", |_| true).0 == 12, "{seen:#?}");
        ensure!(report.calls("munmap", |_| true).0 == 10, "{seen:#?}");
        return Ok(());
    }
    bail!("no process got the pid of the one before");
}
