//! Libraries of C: whole, gone, replaced, changed, stripped.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::Value;
use tracer_tests::{Report, Running, Tool, tracer_binary};

use super::scene::{Library, function, stack, watch, work};

const ANY: [&str; 1] = ["--any"];

fn is_in_library(frame: &Value) -> bool {
    let name = function(frame);
    name.starts_with("library_") || name.starts_with("libsample.so+")
}

/// What the report says about the frames in the library, innermost first.
fn library_frames(report: &Report) -> Result<Vec<String>> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let frames = stack(report, is_in_library)?;
    let frames = frames.iter().filter(|frame| is_in_library(frame));
    let frames = frames.map(|frame| {
        let file = text(&frame["file"]);
        let file = file.rsplit('/').next().unwrap_or_default();
        let name = function(frame).split("+0x").next().unwrap_or_default();
        format!("{name} {file} {}", text(&frame["unsymbolized"]))
    });
    Ok(frames.collect())
}

#[track_caller]
fn check(report: &Report, expected: [&str; 2]) -> Result<()> {
    assert_eq!(library_frames(report)?, expected);
    Ok(())
}

/// So many frames in the library have no name, and not even the place that its linker gave them.
fn nameless(report: &Report, count: usize, why: &str) -> Result<()> {
    let is_nameless = |frame: &Value| function(frame).ends_with(" in libsample.so");
    let stack = stack(report, is_nameless)?;
    let frames = stack.iter().filter(|frame| is_nameless(frame));
    let reasons: Vec<_> = frames.map(|frame| &frame["unsymbolized"]).collect();
    ensure!(reasons == vec![why; count], "{stack:#?}");
    Ok(())
}

const NAMED: [&str; 2] = ["library_inner library.c -", "library_calls library.c -"];

#[test]
fn deleted_or_replaced() -> Result<()> {
    let library = Library::new(&[])?;
    let path = library.path("libsample.so");
    let (mut late, mut early) = (library.start()?, library.start()?);
    library.compile("other.so", &["-Dlibrary_inner=other"])?;
    let replace = || Ok(fs::rename(library.path("other.so"), &path)?);
    check(&watch(&mut late, &ANY, replace)?, NAMED)?;
    let delete = || Ok(fs::remove_file(&path)?);
    check(&watch(&mut early, &ANY, delete)?, NAMED)
}

#[test]
fn changed_in_place() -> Result<()> {
    let library = Library::new(&[])?;
    let path = library.path("libsample.so");
    let mut program = library.start()?;
    // Its last byte, in a section header, is not part of the code that runs.
    let change = || {
        let file = fs::File::options().write(true).open(&path)?;
        let end = file.metadata()?.len();
        Ok(file.write_all_at(&[7], end - 1)?)
    };
    let report = watch(&mut program, &ANY, change)?;
    nameless(&report, 2, "it was changed while it was in use")
}

#[test]
fn stripped() -> Result<()> {
    let library = Library::new(&[])?;
    library.run("strip", &["--strip-all", "libsample.so"], &[])?;
    let mut program = library.start()?;
    let report = watch(&mut program, &ANY, || Ok(()))?;
    let frames = ["libsample.so - it has no symbol there", "library_calls - -"];
    check(&report, frames)?;
    let stack = stack(&report, is_in_library)?;
    let nm = Command::new("nm")
        .arg("-D")
        .arg(library.path("libsample.so"))
        .output()?;
    let symbols = String::from_utf8(nm.stdout)?;
    let exported = symbols
        .lines()
        .find_map(|line| line.strip_suffix(" T library_calls"));
    let exported = u64::from_str_radix(exported.unwrap_or_default(), 16)?;
    // The function before it, as its linker counts: a disassembler finds it there.
    let nameless = stack
        .iter()
        .find(|frame| function(frame).starts_with("libsample.so+0x"));
    let address = nameless.map(|frame| &function(frame)["libsample.so+0x".len()..]);
    let address = u64::from_str_radix(address.unwrap_or_default(), 16)?;
    ensure!(
        (exported - 200..exported).contains(&address),
        "{address:x} {exported:x}"
    );
    Ok(())
}

/// Following the kernel's own links to mapped files is a right of its own.
fn without_links(program: &mut Running) -> Result<Report> {
    let pid = program.pid().to_string();
    let script = "mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null || true
        exec setpriv --bounding-set=-sys_admin,-checkpoint_restore \"$0\" \"$@\"";
    let mut unshare = Command::new("unshare");
    unshare
        .args(["--mount", "sh", "-ec", script])
        .arg(tracer_binary()?)
        .args(["attach", "--json", "--any", "--verbose", "--pid", &pid]);
    let mut tool = Tool::spawn(&mut unshare)?;
    tool.until("attached")?;
    work(program)?;
    tool.finish()?.report()
}

#[test]
fn without_the_right_to_follow_links_of_mappings() -> Result<()> {
    let library = Library::new(&[])?;
    let path = library.path("libsample.so");
    let (mut there, mut gone) = (library.start()?, library.start()?);
    check(&without_links(&mut there)?, NAMED)?;
    fs::remove_file(&path)?;
    let report = without_links(&mut gone)?;
    nameless(&report, 2, "Operation not permitted (os error 1)")?;
    // Its own program is still found.
    stack(&report, |frame| function(frame) == "main")?;
    Ok(())
}
