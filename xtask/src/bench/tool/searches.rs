//! `tracer holders`, once or again and again.

use std::io::Seek as _;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tracer_tests::{status_bytes, tracer_binary};

use super::{Attached, Tool, on_cpu_1};
use crate::bench::cell::Events;
use crate::bench::load::Ran;

/// As users run it.
pub(in crate::bench) const PACED: Tool = Tool {
    name: "tracer",
    mode: "holders",
    divisor: 1,
    present: || true,
    flags: &["--budget", "60s"],
    attach: |pid| Ok(Searches::start(pid, PACED.flags)),
};

/// As fast as possible.
pub(in crate::bench) const FAST: Tool = Tool {
    name: "tracer",
    mode: "holders_unpaced",
    divisor: 1,
    present: || true,
    flags: &["--budget", "60s", "--pace", "0"],
    attach: |pid| Ok(Searches::start(pid, FAST.flags)),
};

/// Between two looks at a search under way.
const POLL: Duration = Duration::from_millis(5);

/// What a search has said, and the most memory that it had.
pub(in crate::bench) struct Searched {
    pub(in crate::bench) answer: Value,
    pub(in crate::bench) peak_bytes: u64,
}

/// Searches once; `None` when told to stop before the end.
pub(in crate::bench) fn search(
    pid: u32,
    flags: &[&str],
    is_over: impl Fn() -> bool,
) -> Result<Option<Searched>> {
    let mut answer = tempfile::tempfile()?;
    let mut child = on_cpu_1(&tracer_binary()?)
        .args(["holders", "--json", "--pid", &pid.to_string()])
        .args(flags)
        .stdin(Stdio::null())
        .stdout(answer.try_clone()?)
        .spawn()
        .context("start tracer holders")?;
    let mut peak_bytes = 0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if is_over() {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        // One that has just ended has no memory any more.
        peak_bytes = status_bytes(child.id(), "VmHWM").unwrap_or(peak_bytes);
        sleep(POLL);
    };
    ensure!(status.success(), "tracer holders: {status}");
    answer.rewind()?;
    let answer = serde_json::from_reader(answer)?;
    Ok(Some(Searched { answer, peak_bytes }))
}

/// One search after the other, until it is detached.
struct Searches {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Searches {
    fn start(pid: u32, flags: &'static [&'static str]) -> Box<dyn Attached> {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let is_over = || is_over.load(Ordering::Relaxed);
            while !is_over() {
                search(pid, flags, is_over)?;
            }
            Ok(())
        });
        Box::new(Self { over, thread })
    }
}

impl Attached for Searches {
    fn detach(self: Box<Self>, _: &Ran) -> Result<Option<Events>> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().ok().context("a search panicked")??;
        Ok(None)
    }
}
