//! Files that are no traces, or not whole ones.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Result, ensure};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;
use tracer_tests::run;

use super::ask::{DAMAGED, DONE, PublicTool, UNSUPPORTED, USAGE, check, outcome, refused, steady};

/// A directory with `whole`, the recording of a second.
fn recording() -> Result<TempDir> {
    let steady = steady()?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("whole").display().to_string();
    let recorded = tracer_tests::attach(steady.pid(), &["-q", "-d", "1s", "-o", &path])?;
    ensure!(recorded.code == Some(DONE), "{recorded:?}");
    ensure!(recorded.stderr.is_empty(), "{recorded:?}");
    Ok(directory)
}

#[test]
fn what_is_no_trace() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name).display().to_string();
    fs::write(path("empty"), "")?;
    fs::write(path("text"), "these are not the bytes of a trace\n")?;
    fs::write(path("magic"), "\u{89}TRACE\r\n")?;
    fs::create_dir(path("directory"))?;
    symlink(path("loop"), path("loop"))?;
    mknodat(CWD, path("fifo"), FileType::Fifo, Mode::RWXU, 0)?;
    check(&["analyze", &path("missing")], USAGE, "No such file")?;
    check(
        &["analyze", &path("directory")],
        USAGE,
        "not a regular file",
    )?;
    check(&["analyze", &path("fifo")], USAGE, "not a regular file")?;
    check(&["analyze", "/dev/zero"], USAGE, "not a regular file")?;
    check(&["analyze", &path("text/x")], USAGE, "Not a directory")?;
    check(&["analyze", &path("loop")], USAGE, "symbolic links")?;
    check(
        &["analyze", &path("a\u{1b}\n\\")],
        USAGE,
        "/a\\x1b\\n\\\\: ",
    )?;
    check(&["analyze", &path("empty")], DAMAGED, "not a trace")?;
    check(&["analyze", &path("text")], DAMAGED, "not a trace")?;
    check(&["analyze", &path("magic")], DAMAGED, "not a trace")?;
    check(&["analyze", "/proc/self/maps"], DAMAGED, "not a trace")
}

#[test]
fn traces_that_are_damaged_newer_or_private() -> Result<()> {
    let directory = recording()?;
    let path = |name: &str| directory.path().join(name).display().to_string();
    let whole = fs::read(path("whole"))?;

    // Up to the last tick; and up to the middle of the first block.
    fs::write(path("cut"), &whole[..whole.len() * 3 / 4])?;
    let cut = run(&["analyze", &path("cut")])?;
    ensure!(cut.code == Some(DONE), "{cut:?}");
    ensure!(cut.stdout.contains("stops without an end"), "{cut:?}");
    ensure!(cut.stdout.contains("(steady)"), "{cut:?}");
    fs::write(path("short"), &whole[..100])?;
    check(&["analyze", &path("short")], DAMAGED, "no whole block")?;

    fs::write(path("newer"), newer(whole))?;
    check(
        &["analyze", &path("newer")],
        DAMAGED,
        "trace format 9.0 is newer",
    )?;

    // A trace is readable by its owner only.
    let tool = PublicTool::new()?;
    rustix::fs::chmod(directory.path(), Mode::from_raw_mode(0o755))?;
    let denied = outcome(&mut tool.as_nobody(&["analyze", &path("whole")]))?;
    refused(&denied, UNSUPPORTED, "no permission to read")
}

/// The same trace, said to be of version 9.0: magic, major and minor version, fields, name, checksum.
fn newer(mut trace: Vec<u8>) -> Vec<u8> {
    (trace[8], trace[10]) = (9, 0);
    let end = 16 + usize::from(trace[12]);
    let checksum = crc32fast::hash(&trace[..end]).to_le_bytes();
    trace[end..end + 4].copy_from_slice(&checksum);
    trace
}
