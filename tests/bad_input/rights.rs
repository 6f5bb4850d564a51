//! Rights that are missing: which, and how to get them.

use std::process::Command;

use anyhow::{Result, ensure};
use tracer_tests::{Tool, tracer_binary};

use super::ask::{
    DONE, NOBODY, PublicTool, TRACEFS, UNSUPPORTED, outcome, refused, steady, with_mounts,
};

#[test]
fn without_root() -> Result<()> {
    let (steady, tool) = (steady()?, PublicTool::new()?);
    let pid = steady.pid().to_string();
    let denied = outcome(&mut tool.as_nobody(&["attach", "--pid", &pid]))?;
    refused(&denied, UNSUPPORTED, "no permission to look into pid")?;
    let (error, hint) = denied.complaint()?;
    for right in ["CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE"] {
        ensure!(error.contains(right), "{error}");
        ensure!(hint.contains(&right.to_lowercase()), "{hint}");
    }
    ensure!(hint.contains("sudo") && hint.contains("setcap"), "{hint}");
    Ok(())
}

/// `tracer attach ARGS` of a user with only these capabilities, where tracefs is mounted.
fn granted(tool: &PublicTool, rights: &str, args: &[&str]) -> Command {
    let (path, nobody) = (tool.path().display().to_string(), NOBODY.to_string());
    let begin = [
        "setpriv",
        &format!("--reuid={nobody}"),
        &format!("--regid={nobody}"),
        "--clear-groups",
        &format!("--inh-caps={rights}"),
        &format!("--ambient-caps={rights}"),
        &path,
        "attach",
    ];
    with_mounts(TRACEFS, &[&begin, args].concat())
}

#[test]
fn the_rights_that_are_named_are_enough() -> Result<()> {
    let (steady, tool) = (steady()?, PublicTool::new()?);
    let pid = steady.pid().to_string();
    let all = "+bpf,+perfmon,+sys_ptrace,+dac_read_search,+checkpoint_restore";
    let seen = ["--pid", &pid, "-d", "1s", "--json"];
    let report = outcome(&mut granted(&tool, all, &seen))?.report()?;
    ensure!(report.0["process"]["comm"] == "steady");

    let some = "+bpf,+perfmon,+sys_ptrace,+checkpoint_restore";
    let denied = outcome(&mut granted(&tool, some, &seen))?;
    refused(&denied, UNSUPPORTED, "CAP_DAC_READ_SEARCH")?;

    // They let it read, not write.
    let recorded = ["--pid", &pid, "-o", "/x.trace"];
    let denied = outcome(&mut granted(&tool, all, &recorded))?;
    refused(&denied, UNSUPPORTED, "/ is not writable")
}

#[test]
fn little_locked_memory_is_no_obstacle() -> Result<()> {
    let (steady, tracer) = (steady()?, tracer_binary()?);
    let pid = steady.pid().to_string();
    let mut command = Command::new("prlimit");
    command
        .args(["--memlock=0:0", "setpriv", "--bounding-set=-sys_resource"])
        .arg(tracer)
        .args(["attach", "--pid", &pid, "-d", "1s"]);
    let done = Tool::spawn(&mut command)?.finish()?;
    ensure!(done.code == Some(DONE), "{done:?}");
    ensure!(done.stderr.is_empty(), "{done:?}");
    Ok(())
}
