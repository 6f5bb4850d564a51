//! Memory that looks leaked and is not: given back by Go 1.15, and still resident.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::Signal;
use tracer_tests::{Running, Smaps, Tool};

use crate::vm::initramfs::Program;

/// All families load and attach at the same time.
const PATIENCE: Duration = Duration::from_mins(2);
const MIB: u64 = 1 << 20;
/// Before it drops its memory: over a third of the window, so that the trend has seen it held.
const HOLDING: Duration = Duration::from_secs(7);
/// After: below some 10 seconds in all the report says that it cannot tell.
const RELEASED: Duration = Duration::from_secs(9);
/// Two huge pages: between the tool's last look and ours the program may use some again.
const REUSED: u64 = 4 * MIB;

/// The verdict with the numbers that decide it, against the kernel's own.
pub(super) fn found(family: &str) -> Result<String> {
    let mut service = Running::program(
        Path::new(Program::LazilyFreed.path()),
        &["-hold", "-1", "-megabytes", "64"],
    )?;
    service.event("ready", PATIENCE)?;
    let tool = Tool::attached(service.pid(), &["--json", "--hooks", family])?;
    sleep(HOLDING);
    for command in ["drop", "free"] {
        service.send(command)?;
        service.event("ready", PATIENCE)?;
    }
    sleep(RELEASED);
    tool.signal(Signal::INT)?;
    let report = tool.finish()?.report()?;
    let truth = Smaps::read(service.pid())?;

    let verdict = report.verdict("lazily-freed");
    ensure!(verdict["status"] == "found", "{verdict}");
    let conclusion = &report.0["conclusion"];
    ensure!(conclusion == "no_leak", "{conclusion}: {}", report.0["why"]);
    let lazy_free = report.ledger("lazy_free").unwrap_or(0);
    ensure!(
        lazy_free > 48 * MIB && lazy_free.abs_diff(truth.lazy_free) <= REUSED,
        "{lazy_free} bytes lazily freed instead of {truth:?}"
    );
    let by_program = |origin: &serde_json::Value| origin["class"] == "debug.FreeOSMemory";
    let (calls, bytes) = report.calls("madvise_free", by_program);
    ensure!(
        bytes > 48 * MIB,
        "debug.FreeOSMemory gave {bytes} bytes back"
    );
    Ok(format!(
        "{} MiB of RSS lazily freed, in {calls} calls of debug.FreeOSMemory",
        lazy_free / MIB
    ))
}
