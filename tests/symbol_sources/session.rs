//! `tracer symbols FILE -` while it waits for addresses, and its helper processes.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use tracer_tests::{Running, tracer_binary};

/// Nothing that is wrong with a file takes longer; a busy machine adds to it.
pub(super) const LIMIT: Duration = Duration::from_millis(2500);

/// A running tool, whose stderr goes into a file.
pub(super) struct Session {
    tool: Running,
    said: tempfile::NamedTempFile,
}

impl Session {
    pub(super) fn start(file: &Path) -> Result<Self> {
        let said = tempfile::NamedTempFile::new()?;
        let mut command = Command::new(tracer_binary()?);
        command
            .arg("symbols")
            .arg(file)
            .arg("-")
            .stderr(said.reopen()?);
        let tool = Running::start(&mut command)?;
        Ok(Self { tool, said })
    }

    /// The first line about an address.
    pub(super) fn ask(&mut self, address: u64) -> Result<String> {
        let begin = Instant::now();
        self.tool.send(&format!("{address:x}"))?;
        let line = self.tool.line(LIMIT)?;
        ensure!(begin.elapsed() < LIMIT, "{:?}", begin.elapsed());
        let rest = line.strip_prefix(&format!("{address:#x} "));
        Ok(rest.with_context(|| line.clone())?.to_owned())
    }

    pub(super) fn pid(&self) -> u32 {
        self.tool.pid()
    }

    /// Its only child.
    pub(super) fn helper(&self) -> Result<u32> {
        match children(self.pid())[..] {
            [helper] => Ok(helper),
            ref all => anyhow::bail!("{} helper processes", all.len()),
        }
    }

    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        self.tool.signal(signal)
    }

    /// Closes its stdin; returns its exit code and what it said on stderr.
    pub(super) fn end(mut self) -> Result<(Option<i32>, String)> {
        self.tool.close_stdin();
        let (code, _) = self.tool.ending(LIMIT)?;
        Ok((code, fs::read_to_string(self.said.path())?))
    }
}

/// The processes that a process has started, by any of its threads.
pub(super) fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    let lists = threads.filter_map(|thread| {
        let path = thread.ok()?.path().join("children");
        fs::read_to_string(path).ok()
    });
    let lists: Vec<String> = lists.collect();
    let pids = lists.iter().flat_map(|list| list.split_whitespace());
    pids.filter_map(|pid| pid.parse().ok()).collect()
}

/// A field of `/proc/PID/status`; `None` when the process is gone.
pub(super) fn status(pid: u32, field: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Waits until a process has ended. Some machines leave what it was to nobody, who does not look.
pub(super) fn until_gone(pid: u32) -> Result<()> {
    let begin = Instant::now();
    while status(pid, "State").is_some_and(|state| !state.starts_with('Z')) {
        ensure!(begin.elapsed() < LIMIT, "process {pid} goes on");
        sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Watches how much memory a process and its children have together.
pub(super) struct Memory {
    most: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
}

impl Memory {
    pub(super) fn of(pid: u32) -> Self {
        let (most, done) = (Arc::default(), Arc::default());
        let watch = Self {
            most: Arc::clone(&most),
            done: Arc::clone(&done),
        };
        let size = |pid: &u32| -> Option<u64> {
            let resident = status(*pid, "VmRSS")?;
            resident.strip_suffix(" kB")?.parse().ok()
        };
        thread::spawn(move || {
            while !done.load(Relaxed) {
                let mut pids = children(pid);
                pids.push(pid);
                let sum: u64 = pids.iter().filter_map(size).sum();
                most.fetch_max(sum, Relaxed);
                sleep(Duration::from_millis(1));
            }
        });
        watch
    }

    /// The most that was seen, in MiB.
    pub(super) fn most(&self) -> u64 {
        self.most.load(Relaxed) >> 10
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.done.store(true, Relaxed);
    }
}
