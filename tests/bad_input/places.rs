//! Kernels without what is needed, and containers around the target or the tool.

use std::process::Command;

use anyhow::{Result, ensure};
use tracer_tests::{GoVersion, Program, Running, run, tracer_binary};

use super::ask::{DONE, SOON, UNSUPPORTED, outcome, refused, steady, with_mounts};

/// The tool attaches after the script has changed the mounts it sees.
fn after(script: &str, words: &str) -> Result<()> {
    let steady = steady()?;
    let (pid, tracer) = (steady.pid().to_string(), tracer_binary()?);
    let tracer = tracer.display().to_string();
    let command = [tracer.as_str(), "attach", "--pid", &pid];
    refused(
        &outcome(&mut with_mounts(script, &command))?,
        UNSUPPORTED,
        words,
    )
}

#[test]
fn without_the_types_of_the_kernel() -> Result<()> {
    after(
        "mount -t tmpfs tmpfs /sys/kernel/btf",
        "/sys/kernel/btf/vmlinux",
    )?;
    after(
        "mount --bind /dev/null /sys/kernel/btf/vmlinux",
        "/sys/kernel/btf/vmlinux",
    )
}

#[test]
fn without_proc() -> Result<()> {
    after("mount -t tmpfs tmpfs /proc", "/proc is not mounted")
}

/// `unshare FLAGS tracer attach --pid PID`.
fn inside(flags: &[&str], pid: u32, words: &str) -> Result<()> {
    let mut unshare = Command::new("unshare");
    unshare
        .args(flags)
        .arg(tracer_binary()?)
        .args(["attach", "--pid", &pid.to_string()]);
    refused(&outcome(&mut unshare)?, UNSUPPORTED, words)
}

#[test]
fn the_tool_in_a_container() -> Result<()> {
    let steady = steady()?;
    let pid = steady.pid();
    inside(&["--pid", "--fork"], pid, "pid namespace of its own")?;
    inside(
        &["--pid", "--fork", "--mount-proc"],
        1,
        "pid namespace of its own",
    )?;
    inside(&["--map-root-user"], pid, "user namespace")
}

/// Its own users, pids and mounts, and an executable that nobody outside can see.
#[test]
fn the_target_in_a_container() -> Result<()> {
    let executable = Program::build("steady", GoVersion::GO_1_26, &[])?;
    let mut unshare = Command::new("unshare");
    unshare
        .args(["--map-root-user", "--pid", "--mount", "--mount-proc"])
        .args(["--fork", "--kill-child", "sh", "-ec"])
        .arg("mount -t tmpfs tmpfs /mnt; cp \"$0\" /mnt/steady; exec /mnt/steady")
        .arg(executable);
    let container = Running::start(&mut unshare)?;
    container.event("ready", SOON)?;
    let target = container.child()?;
    let report = tracer_tests::attach(target, &["--json", "-d", "1s"])?.report()?;
    ensure!(report.0["process"]["exe"] == "/mnt/steady", "{report:#?}");
    ensure!(report.0["process"]["pid"] == target, "{report:#?}");
    ensure!(
        report.0["process"]["go_version"] == "go1.26.8",
        "{report:#?}"
    );
    ensure!(
        report.0["ledger"]["rss_bytes"].as_u64() > Some(0),
        "{report:#?}"
    );
    let heap = &report.0["heap"];
    let is_read = heap["unreadable"].is_null() && heap["alloc_bytes"].as_u64() > Some(0);
    ensure!(is_read, "{heap:#}");
    let held = run(&["holders", "--json", "--pid", &target.to_string()])?;
    ensure!(held.code == Some(DONE), "{held:?}");
    ensure!(held.stdout.contains("main.live"), "{held:?}");
    Ok(())
}
