//! What there is no profile of, and what is not written.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use tracer_tests::{GoVersion, Outcome, Program, Running, Tool, run, tracer_binary};

const SOON: Duration = Duration::from_mins(1);

fn heap(pid: u32, args: &[&str]) -> Result<Outcome> {
    let pid = pid.to_string();
    run(&[&["heap", "--pid", &pid], args].concat())
}

/// The exit code, the error and the hint of a run that is refused; the pid reads PID.
#[track_caller]
fn check(pid: u32, args: &[&str], code: i32, error: &str, hint: &str) -> Result<()> {
    let done = heap(pid, args)?;
    assert_eq!(done.code, Some(code), "{}", done.stderr);
    assert_eq!(done.stdout, "");
    let plain = |text: &str| text.replace(&pid.to_string(), "PID");
    let (said, advised) = done.complaint()?;
    assert_eq!(
        (plain(said), plain(advised)),
        (error.to_owned(), hint.to_owned())
    );
    Ok(())
}

#[test]
fn a_profiler_that_is_linked_out_is_named() -> Result<()> {
    for number in ["1.17", "1.20", "1.27"] {
        let go = GoVersion::release(number);
        for flags in [&[][..], &[tracer_tests::Flag::Stripped]] {
            let steady = Running::program(&Program::build("steady", go, flags)?, &[])?;
            steady.event("ready", SOON)?;
            check(
                steady.pid(),
                &[],
                3,
                "pid PID (steady) has no heap profile: nothing in it refers to \
                 runtime.MemProfile, so the linker has switched the profiler off",
                "its own pprof would show nothing either; `tracer attach --pid PID` shows by \
                 which stacks memory grows; to have a profile, build it with an import of \
                 net/http/pprof",
            )?;
        }
    }
    Ok(())
}

#[test]
fn other_programs_have_none() -> Result<()> {
    let sleep = Running::start(Command::new("sleep").arg("60"))?;
    check(
        sleep.pid(),
        &[],
        3,
        "pid PID (sleep) is not a Go program: it looks like C",
        "only the heap of Go programs is read; `tracer attach --any --pid PID` watches it \
         without Go knowledge",
    )
}

#[test]
fn nothing_is_overwritten_and_each_format_is_written() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let program = Program::build("heap_profile", GoVersion::GO_1_26, &[])?;
    let text = directory.path().to_string_lossy().into_owned();
    let program = Running::program(&program, &[&text])?;
    program.event("ready", SOON)?;
    let pid = program.pid();
    let path = |name: &str| format!("{text}/{name}");

    let unknown = "end it with one of .pb.gz .pprof .prof .folded .svg .txt";
    let error = "the name heap.png does not say what to write";
    check(pid, &["-o", "heap.png"], 2, error, unknown)?;
    let taken = path("taken.pb.gz");
    fs::write(&taken, "mine")?;
    let exists = format!("cannot create {taken}: it exists").replace(&pid.to_string(), "PID");
    let force = "give another name, or --force to replace it";
    check(pid, &["-o", &taken], 2, &exists, force)?;
    ensure!(fs::read(&taken)? == b"mine", "it was overwritten");

    let begins: [(&str, &[u8], &str); 4] = [
        ("a.pb.gz", b"\x1f\x8b", ""),
        (
            "a.folded",
            b"",
            "main.main;main.fill;main.allocate;main.large ",
        ),
        ("a.svg", b"<?xml", "main.large ("),
        ("a.txt", b"heap profile of pid", "main.large (main.go:"),
    ];
    for (name, begin, holds) in begins {
        let done = heap(pid, &["-o", &path(name)])?;
        ensure!(done.code == Some(0), "{}", done.stderr);
        ensure!(
            done.stdout.contains("main.large (main.go:"),
            "{}",
            done.stdout
        );
        let written = fs::read(path(name))?;
        ensure!(written.starts_with(begin), "{name}");
        ensure!(String::from_utf8_lossy(&written).contains(holds), "{name}");
        let mode = fs::metadata(path(name))?.permissions().mode() & 0o7777;
        ensure!(mode == 0o600, "{mode:o}");
    }
    Ok(())
}

#[test]
fn a_pipe_takes_the_profile_alone() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let program = Program::build("heap_profile", GoVersion::GO_1_15, &[])?;
    let text = directory.path().to_string_lossy().into_owned();
    let program = Running::program(&program, &[&text])?;
    program.event("ready", SOON)?;
    let pid = program.pid().to_string();
    let output = Command::new(tracer_binary()?)
        .args(["heap", "--pid", &pid, "-o", "-"])
        .output()?;
    ensure!(output.status.success(), "{output:?}");
    ensure!(output.stdout.starts_with(b"\x1f\x8b"), "not in gzip");
    ensure!(output.stderr.is_empty(), "{output:?}");
    Ok(())
}

#[test]
fn a_process_that_ends_is_named() -> Result<()> {
    let mut program = Running::start(Command::new("sleep").arg("0"))?;
    let pid = program.pid();
    program.wait(SOON)?;
    let done = Tool::start(&["heap", "--pid", &pid.to_string()])?.finish()?;
    ensure!(done.code == Some(3), "{done:?}");
    done.complaint()?;
    Ok(())
}
