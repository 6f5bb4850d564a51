//! Other tools that can watch the same events of a running process.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::{Attached, Tool, on_cpu_1};
use crate::bench::cell::Events;
use crate::bench::load::{Expected, Ran};
use crate::command::answer;

const STRACE: Tool = Tool {
    name: "strace",
    mode: "-c -f",
    divisor: 20,
    present: || installed("strace"),
    flags: &[],
    attach: |pid| {
        let mut command = peer("strace");
        command.args(["-c", "-f", "-p", &pid.to_string()]);
        Peer::start(&mut command, &|_| is_traced(pid), UNKNOWN)
    },
};

const PERF_TRACE: Tool = Tool {
    name: "perf trace",
    mode: "-s",
    divisor: 20,
    present: || installed("perf"),
    flags: &[],
    attach: |pid| {
        let mut command = peer("perf");
        command.args(["trace", "-s", "-p", &pid.to_string()]);
        Peer::start(&mut command, &has_perf_events, UNKNOWN)
    },
};

pub(in crate::bench) const PERF_RECORD: Tool = Tool {
    name: "perf record",
    mode: "-g",
    divisor: 1,
    present: || installed("perf"),
    flags: &[],
    attach: |pid| {
        let mut command = peer("perf");
        command
            .args(["record", "-g", "-c", "1", "--output"])
            .arg(perf_data());
        for call in CALLS {
            command.args(["-e", &format!("syscalls:sys_exit_{call}")]);
        }
        command.args(["-e", "page-faults", "-p", &pid.to_string()]);
        Peer::start(&mut command, &has_perf_events, counted_by_perf)
    },
};

pub(in crate::bench) const BPFTRACE: Tool = Tool {
    name: "bpftrace",
    mode: "@[ustack]",
    divisor: 1,
    present: || installed("bpftrace"),
    flags: &[],
    attach: |pid| {
        let mut command = peer("bpftrace");
        command.args(["-e", &script(pid)]);
        Peer::start(&mut command, &has_perf_events, counted_by_bpftrace)
    },
};

pub(in crate::bench) const PEERS: &[&Tool] = &[&BPFTRACE, &PERF_RECORD, &PERF_TRACE, &STRACE];

/// What the tracer sees, as tracepoints.
const CALLS: &[&str] = &[
    "mmap", "munmap", "madvise", "socket", "connect", "accept4", "close",
];

/// Longer than any of them takes to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the recording of the last run of `perf record` lies.
pub(in crate::bench) fn perf_data() -> PathBuf {
    tracer_tests::target_directory().join("xtask/bench.perf.data")
}

/// A peer with the tracepoints mounted for it alone, where the system has not mounted them.
fn peer(program: &str) -> Command {
    let mut command = on_cpu_1(Path::new("unshare"));
    let mount = "mountpoint -q /sys/kernel/tracing || mount -t tracefs none /sys/kernel/tracing
exec \"$@\"";
    command.args(["--mount", "sh", "-ec", mount, "sh", program]);
    command
}

fn installed(program: &str) -> bool {
    answer(Command::new("which").arg(program)).is_some()
}

/// Counts by stack; the map is cleared at the end, or naming it would take minutes.
fn script(pid: u32) -> String {
    let calls: Vec<_> = CALLS
        .iter()
        .map(|call| format!("tracepoint:syscalls:sys_exit_{call}"))
        .collect();
    let action = format!("/pid == {pid}/ {{ @[ustack] = count(); @n = count(); }}");
    format!(
        "{} {action} software:page-faults:1 {action} END {{ clear(@); }}",
        calls.join(",")
    )
}

/// `@n: 1234`, from the script above.
fn counted_by_bpftrace(said: &str) -> Option<u64> {
    said.lines()
        .find_map(|line| line.strip_prefix("@n: "))?
        .trim()
        .parse()
        .ok()
}

/// `[ perf record: Captured and wrote 0.1 MB FILE (1234 samples) ]`
fn counted_by_perf(said: &str) -> Option<u64> {
    let (before, _) = said.split_once(" samples)")?;
    before.rsplit_once('(')?.1.parse().ok()
}

/// What no peer is asked for: how much it has seen.
const UNKNOWN: fn(&str) -> Option<u64> = |_| None;

/// Whether another process is tracing all threads of this one.
fn is_traced(pid: u32) -> bool {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    tasks.flatten().all(|task| {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        !status.contains("TracerPid:\t0\n")
    })
}

/// Whether a process holds performance events.
fn has_perf_events(pid: u32) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    files.flatten().any(|file| {
        fs::read_link(file.path()).is_ok_and(|to| to.to_string_lossy().contains("perf_event"))
    })
}

/// Between the first sign that a peer is attached and the last of its probes.
const SETTLING: Duration = Duration::from_millis(400);

struct Peer {
    child: Child,
    name: String,
    /// How many events its last words say that it saw.
    count: fn(&str) -> Option<u64>,
}

impl Peer {
    fn start(
        command: &mut Command,
        ready: &dyn Fn(u32) -> bool,
        count: fn(&str) -> Option<u64>,
    ) -> Result<Box<dyn Attached>> {
        let name = format!("{command:?}");
        let log = File::create(log_path())?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {name}"))?;
        let mut peer = Self { child, name, count };
        let start = Instant::now();
        while !ready(peer.child.id()) {
            peer.must_run()?;
            if start.elapsed() > PATIENCE {
                bail!("{} did not attach within {PATIENCE:?}", peer.name);
            }
            sleep(Duration::from_millis(10));
        }
        sleep(SETTLING);
        Ok(Box::new(peer))
    }

    fn must_run(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let said = fs::read_to_string(log_path()).unwrap_or_default();
            bail!("{} ended early, {status}: {}", self.name, said.trim());
        }
        Ok(())
    }
}

impl Attached for Peer {
    fn detach(mut self: Box<Self>, ran: &Ran) -> Result<Option<Events>> {
        self.must_run()?;
        kill_process(Pid::from_child(&self.child), Signal::INT)?;
        let start = Instant::now();
        while self.child.try_wait()?.is_none() {
            if start.elapsed() > PATIENCE {
                bail!("{} did not end within {PATIENCE:?}", self.name);
            }
            sleep(Duration::from_millis(10));
        }
        let said = fs::read_to_string(log_path()).unwrap_or_default();
        // It also sees what the load did not do on purpose, so it can have seen more.
        let made = match &ran.expected {
            Expected::Calls(calls, faults) => calls.values().sum::<u64>() + faults,
            Expected::Faults(faults) => *faults,
            Expected::Unknown => return Ok(None),
        };
        Ok((self.count)(&said).map(|received| Events {
            expected: made.max(received),
            received,
            lost: made.saturating_sub(received),
        }))
    }
}

fn log_path() -> PathBuf {
    tracer_tests::target_directory().join("xtask/bench.peer.log")
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
