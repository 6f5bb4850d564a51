//! Places where no recording can be written.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tracer_tests::{Program, Running, Tool, run, tracer_binary};

use super::ask::{DONE, SOON, USAGE, attach, steady, with_mounts};

#[test]
fn what_is_there_stays() -> Result<()> {
    let steady = steady()?;
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name).display().to_string();
    fs::write(path("old"), "precious")?;
    symlink(path("old"), path("link"))?;
    symlink(path("nowhere"), path("dangling"))?;
    fs::create_dir(path("directory"))?;
    mknodat(CWD, path("fifo"), FileType::Fifo, Mode::RWXU, 0)?;
    let refused = |name: &str, flags: &[&str], words| {
        attach(steady.pid(), &[&["-o", name], flags].concat(), USAGE, words)
    };
    refused(&path("old"), &[], "it exists")?;
    for flags in [&[][..], &["--force"]] {
        refused(&path("link"), flags, "symbolic link")?;
        refused(&path("dangling"), flags, "symbolic link")?;
        refused(&path("directory"), flags, "directory")?;
        refused(&path("fifo"), flags, "not a regular file")?;
        refused("/dev/full", flags, "not a regular file")?;
        refused(&path("missing/x"), flags, "there is no directory")?;
        refused(&path("old/x"), flags, "is not a directory")?;
    }
    refused(
        &path("a\u{1b}\n\\/x"),
        &[],
        "/a\\x1b\\n\\\\/x: there is no directory",
    )?;
    ensure!(fs::read_to_string(path("old"))? == "precious");
    ensure!(!Path::new(&path("nowhere")).exists());
    Ok(())
}

/// The tracing goes on, the report comes, and what was written can be analysed.
#[test]
fn a_full_disk() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name).display().to_string();
    fs::create_dir(path("disk"))?;
    // Each call has its own time: these fill more than the one page of the disk.
    let mut native = Running::program(&Program::build_c("native")?, &["20000"])?;
    native.event("ready", SOON)?;
    let (pid, tracer) = (native.pid().to_string(), tracer_binary()?);
    let (tracer, disk, kept) = (tracer.display().to_string(), path("disk/x"), path("kept"));
    let script = format!(
        "mount -t tmpfs -o size=4k tmpfs '{}'\n\"$@\"\ncp '{disk}' '{kept}'\nset true",
        path("disk")
    );
    let command = [&tracer, "attach", "-v", "--any", "--pid", &pid, "-o", &disk];
    let mut tool = Tool::spawn(&mut with_mounts(&script, &command))?;
    tool.until("attached")?;
    written(&format!("/proc/{}/root{disk}", tool.pid()))?;
    native.send("go")?;
    native.event("counted", SOON)?;
    tool.until("the tracing goes on")?;
    native.send("exit")?;
    let done = tool.finish()?;
    ensure!(done.code == Some(DONE), "{done:?}");
    ensure!(done.stdout.contains("ended by exit"), "{done:?}");
    ensure!(
        done.stderr.contains("is incomplete: No space left"),
        "{done:?}"
    );

    let again = run(&["analyze", &kept])?;
    ensure!(again.code == Some(DONE), "{again:?}");
    ensure!(again.stdout.contains("(native)"), "{again:?}");
    ensure!(again.stdout.contains("stops without an end"), "{again:?}");
    Ok(())
}

/// Waits for the first block, seen through the mounts of the tool.
fn written(trace: &str) -> Result<()> {
    let start = Instant::now();
    // The header has 32 bytes.
    while fs::metadata(trace)?.len() <= 100 {
        ensure!(start.elapsed() < SOON, "{trace} stays empty");
        sleep(Duration::from_millis(5));
    }
    Ok(())
}
