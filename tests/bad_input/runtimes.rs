//! Go runtimes that are not read: each command says why, and the report keeps to what the kernel and
//! the file tell.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tracer_tests::{
    Flag, GoVersion, Program, Report, Running, functions, list, run, tracer_binary,
};

use super::ask::{DONE, SOON, UNSUPPORTED, outcome, patched, refused, with_mounts};

const NAMED: &str = "go1.26.8";

/// A program that grows.
fn leaking(executable: &Path) -> Result<Running> {
    let leaking = Running::program(executable, &["heap-growth"])?;
    leaking.event("ready", SOON)?;
    Ok(leaking)
}

/// Neither command reads it, and the report has no number of Go's but all others.
fn not_read(executable: &Path, why: &str) -> Result<()> {
    let leaking = leaking(executable)?;
    let pid = leaking.pid().to_string();
    for command in ["heap", "holders"] {
        refused(&run(&[command, "--pid", &pid])?, UNSUPPORTED, why)?;
    }
    let asked = ["--json", "-q", "-d", "3s"];
    let report = tracer_tests::attach(leaking.pid(), &asked)?.report()?;
    without_go(&report, why)?;
    let mut grown = list(&report.0["growth"]).iter().flat_map(functions);
    ensure!(grown.any(|name| name == "main.entry"), "{report:#?}");
    Ok(())
}

fn without_go(report: &Report, why: &str) -> Result<()> {
    let heap = &report.0["heap"];
    let said = heap["unreadable"].as_str().unwrap_or_default();
    ensure!(said.contains(why), "{said:?} lacks {why:?}");
    for number in [
        "alloc_bytes",
        "inuse_bytes",
        "live_bytes",
        "goal_bytes",
        "gc_cycles",
    ] {
        ensure!(heap[number].is_null(), "{heap:#}");
    }
    ensure!(
        list(&heap["sites"]).is_empty() && list(&heap["classes"]).is_empty(),
        "{heap:#}"
    );
    ensure!(
        report.0["conclusion"] == "cannot_tell",
        "{:#}",
        report.0["why"]
    );
    ensure!(
        report.0["ledger"]["rss_bytes"].as_u64() > Some(10 << 20),
        "{report:#?}"
    );
    Ok(())
}

#[test]
fn builds_that_change_the_runtime() -> Result<()> {
    let build = |flags| Program::build("verdicts", GoVersion::GO_1_26, flags);
    not_read(&build(&[Flag::Race])?, "built with -race")?;
    let experiment = "built with GOEXPERIMENT: nogreenteagc";
    not_read(&build(&[Flag::Experiment])?, experiment)
}

/// A copy that says it is of another release.
fn forged(directory: &Path, version: &str) -> Result<PathBuf> {
    let path = directory.join(version);
    patched("verdicts", NAMED.as_bytes(), version.as_bytes(), &path)?;
    Ok(path)
}

#[test]
fn releases_that_are_not_known() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let unknown = forged(directory.path(), "go1.96.8")?;
    not_read(&unknown, "the runtime of go1.96.8 is not known here")?;
    let beta = forged(directory.path(), "go1.27b1")?;
    not_read(&beta, "the runtime of go1.27b1 is not known here")
}

/// What contradicts the layout of the release it claims to be gives no number.
#[test]
fn releases_that_it_is_not() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for version in ["go1.13.8", "go1.17.8", "go1.20.8", "go1.23.8"] {
        let leaking = leaking(&forged(directory.path(), version)?)?;
        let asked = ["--json", "-q", "-d", "3s"];
        let report = tracer_tests::attach(leaking.pid(), &asked)?.report()?;
        without_go(&report, "").context(version)?;
        let pid = leaking.pid().to_string();
        let held = run(&["holders", "--pid", &pid, "--json"])?;
        ensure!(held.code == Some(UNSUPPORTED), "{version}: {held:?}");
    }
    Ok(())
}

/// As where `kernel.yama.ptrace_scope` is 2 or 3, and where a security module says no.
#[test]
fn memory_that_may_not_be_read() -> Result<()> {
    let leaking = leaking(&Program::build("verdicts", GoVersion::GO_1_26, &[])?)?;
    let pid = leaking.pid().to_string();
    let deny = Program::build_c("deny")?.display().to_string();
    let tracer = tracer_binary()?.display().to_string();
    for (scope, why) in [
        ("0", "it takes the capability CAP_SYS_PTRACE"),
        (
            "2",
            "kernel.yama.ptrace_scope is 2, which takes the capability CAP_SYS_PTRACE",
        ),
        (
            "3",
            "kernel.yama.ptrace_scope is 3, which forbids it to everyone",
        ),
    ] {
        let scope = format!(
            "mount -t tmpfs none /proc/sys/kernel; mkdir /proc/sys/kernel/yama; \
             echo {scope} > /proc/sys/kernel/yama/ptrace_scope"
        );
        let denied = |args: &[&str]| {
            let begin = [deny.as_str(), "1", "process_vm_readv", &tracer];
            outcome(&mut with_mounts(&scope, &[&begin, args].concat()))
        };
        for command in ["heap", "holders"] {
            refused(&denied(&[command, "--pid", &pid])?, UNSUPPORTED, why)?;
        }
        let asked = ["attach", "--pid", &pid, "--json", "-q", "-d", "2s"];
        let hooks = ["--hooks", "tracepoint"];
        without_go(&denied(&[&asked[..], &hooks].concat())?.report()?, why)?;
    }
    Ok(())
}

/// A cgroup with one process in it that stands still, in version 1 or 2.
struct Freezer {
    directory: PathBuf,
    switch: (&'static str, &'static str, &'static str),
}

impl Freezer {
    fn freeze(pid: u32) -> Result<Self> {
        let old = Path::new("/sys/fs/cgroup/freezer");
        let (mount, switch) = if old.exists() {
            (old, ("freezer.state", "FROZEN", "THAWED"))
        } else {
            (Path::new("/sys/fs/cgroup"), ("cgroup.freeze", "1", "0"))
        };
        let directory = mount.join(format!("tracer-test-{pid}"));
        fs::create_dir(&directory).with_context(|| directory.display().to_string())?;
        let freezer = Self { directory, switch };
        fs::write(freezer.directory.join("cgroup.procs"), pid.to_string())?;
        freezer.set(switch.1)?;
        Ok(freezer)
    }

    fn set(&self, state: &str) -> Result<()> {
        fs::write(self.directory.join(self.switch.0), state).context("the freezer")
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        // It fails only where the process has ended, which leaves nothing to do.
        let _ = self.set(self.switch.2);
    }
}

/// Its memory is read all the same; that nothing moves proves nothing.
#[test]
fn a_process_that_is_frozen_with_its_cgroup() -> Result<()> {
    let executable = Program::build("holders", GoVersion::GO_1_26, &[])?;
    let mut program = Running::program(&executable, &[])?;
    program.event("kept", SOON)?;
    let pid = program.pid().to_string();
    let freezer = Freezer::freeze(program.pid())?;
    let held = run(&["holders", "--json", "--pid", &pid])?;
    ensure!(held.code == Some(DONE), "{held:?}");
    ensure!(held.stdout.contains("main.byNumber"), "{held:?}");
    let asked = ["--json", "-q", "-d", "12s"];
    let report = tracer_tests::attach(program.pid(), &asked)?.report()?;
    ensure!(
        report.0["heap"]["alloc_bytes"].as_u64() > Some(1 << 20),
        "{report:#?}"
    );
    ensure!(
        report.0["conclusion"] == "cannot_tell",
        "{:#}",
        report.0["why"]
    );
    let missing: &Value = &report.verdict("heap-growth")["missing"];
    let missing = missing.as_str().unwrap_or_default();
    ensure!(
        missing.contains("the process was stopped for"),
        "{missing:?}"
    );
    let directory = freezer.directory.clone();
    drop(freezer);
    program.close_stdin();
    program.wait(SOON + Duration::from_secs(1))?;
    fs::remove_dir(directory)?;
    Ok(())
}

/// Nothing in it is Go: gccgo and `TinyGo` make such files, too.
#[test]
fn native_programs_have_no_go_heap() -> Result<()> {
    let sleep = Running::start(Command::new("sleep").arg("60"))?;
    let held = run(&["holders", "--pid", &sleep.pid().to_string()])?;
    refused(&held, UNSUPPORTED, "is not a Go program: it looks like C")
}
