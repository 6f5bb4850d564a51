//! Each wrong or impossible request: one `error:` line, one `hint:` line, the documented exit code.

use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use tracer_tests::{
    GoVersion, Outcome, Program, Running, Tool, copy_executable, run, tracer_binary,
};

const SOON: Duration = Duration::from_secs(30);
const USAGE: i32 = 2;
const UNSUPPORTED: i32 = 3;
const DAMAGED: i32 = 5;

/// The run failed in this way, said so in the two lines and nothing on stdout.
#[track_caller]
fn refused(outcome: &Outcome, code: i32, words: &str) -> Result<()> {
    ensure!(outcome.code == Some(code), "{words:?}: {outcome:?}");
    ensure!(outcome.stdout.is_empty(), "{words:?}: {outcome:?}");
    let (error, hint) = outcome.complaint()?;
    ensure!(
        error.contains(words),
        "{error:?} does not contain {words:?}"
    );
    ensure!(!hint.is_empty(), "{outcome:?}");
    ensure!(outcome.stderr.lines().count() == 2, "{:?}", outcome.stderr);
    Ok(())
}

#[track_caller]
fn check(args: &[&str], code: i32, words: &str) -> Result<()> {
    refused(&run(args)?, code, words)
}

fn attach(pid: u32, args: &[&str], code: i32, words: &str) -> Result<()> {
    let pid = pid.to_string();
    check(
        &[&["attach", "--pid", &pid, "-d", "1s"], args].concat(),
        code,
        words,
    )
}

fn steady() -> Result<Running> {
    let steady = Running::program(&Program::build("steady", GoVersion::GO_1_26, &[])?, &[])?;
    steady.event("ready", SOON)?;
    Ok(steady)
}

#[test]
fn flags() -> Result<()> {
    check(&["attach"], USAGE, "--pid")?;
    check(&["attach", "--pid", "x"], USAGE, "invalid value 'x'")?;
    check(&["attach", "--pid", "-1"], USAGE, "-1")?;
    check(
        &["attach", "--pid", "1", "-d", "0"],
        USAGE,
        "invalid value '0'",
    )?;
    check(
        &["attach", "--pid", "1", "-d", "soon"],
        USAGE,
        "invalid value 'soon'",
    )?;
    check(
        &["attach", "--pid", "1", "--hooks", "magic"],
        USAGE,
        "invalid value 'magic'",
    )?;
    check(&["bogus"], USAGE, "bogus")?;
    check(&["explain", "bogus"], USAGE, "bogus")
}

#[test]
fn processes() -> Result<()> {
    attach(0, &[], USAGE, "0")?;
    attach(u32::MAX, &[], USAGE, "4294967295")?;
    // The last pid that a kernel can give; the next one is none.
    attach(4_194_304, &[], USAGE, "4194304")?;
    attach(4_194_303, &[], UNSUPPORTED, "no process")?;
    attach(2, &[], UNSUPPORTED, "kernel thread")
}

#[test]
fn a_zombie() -> Result<()> {
    let mut child = Command::new("true").spawn()?;
    // Not waited for, so it stays.
    std::thread::sleep(Duration::from_millis(200));
    let refusal = attach(child.id(), &[], UNSUPPORTED, &child.id().to_string());
    child.wait()?;
    refusal
}

#[test]
fn not_go() -> Result<()> {
    let mut native = Running::program(&Program::build_c("native")?, &["10"])?;
    native.event("ready", SOON)?;
    attach(native.pid(), &[], UNSUPPORTED, "Go")?;

    let tool = Tool::attached(native.pid(), &["--any", "--json"])?;
    native.send("go")?;
    native.event("counted", SOON)?;
    native.send("exit")?;
    let report = tool.finish()?.report()?;
    ensure!(
        report.calls("brk", |_| true).0 == 12,
        "{:#}",
        report.0["calls"]
    );
    ensure!(
        report.0["process"]["go_version"].is_null(),
        "{:#}",
        report.0["process"]
    );
    Ok(())
}

#[test]
fn without_root() -> Result<()> {
    let steady = steady()?;
    // A place that everyone may read, unlike the directory of the checkout.
    let directory = tempfile::tempdir()?;
    rustix::fs::chmod(directory.path(), rustix::fs::Mode::from_raw_mode(0o755))?;
    let tracer = directory.path().join("tracer");
    copy_executable(&tracer_binary()?, &tracer)?;
    let pid = steady.pid().to_string();
    let mut command = Command::new(&tracer);
    command
        .args(["attach", "--pid", &pid, "-d", "1s"])
        .uid(65534)
        .gid(65534)
        .current_dir("/");
    let outcome = Tool::spawn(&mut command)?.finish()?;
    refused(&outcome, UNSUPPORTED, "")?;
    ensure!(outcome.complaint()?.1.contains("sudo"), "{outcome:?}");
    Ok(())
}

#[test]
fn output_files() -> Result<()> {
    let steady = steady()?;
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name).display().to_string();
    std::fs::write(path("old.trace"), "precious")?;
    symlink(path("old.trace"), path("link.trace"))?;
    attach(
        steady.pid(),
        &["-o", &path("old.trace")],
        USAGE,
        "old.trace",
    )?;
    attach(
        steady.pid(),
        &["-o", &path("link.trace")],
        USAGE,
        "link.trace",
    )?;
    attach(steady.pid(), &["-o", &path("")], USAGE, "directory")?;
    attach(
        steady.pid(),
        &["-o", &path("missing/x.trace")],
        USAGE,
        "x.trace",
    )?;
    ensure!(std::fs::read_to_string(path("old.trace"))? == "precious");
    Ok(())
}

#[test]
fn input_files() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name).display().to_string();
    std::fs::write(path("empty"), "")?;
    std::fs::write(path("text"), "these are not the bytes of a trace\n")?;
    check(&["analyze", &path("missing")], USAGE, "missing")?;
    check(&["analyze", &path("empty")], DAMAGED, "empty")?;
    check(&["analyze", &path("text")], DAMAGED, "text")
}
