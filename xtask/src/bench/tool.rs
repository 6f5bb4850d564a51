//! Tools that attach to the load, all in the same way: by pid, on CPU 1.

mod peers;
mod searches;
mod tracer;

use std::process::Command;

use anyhow::Result;

use super::cell::Events;
use super::load::Ran;

pub(super) use peers::{BPFTRACE, PEERS, PERF_RECORD, perf_data};
pub(super) use searches::{FAST, PACED, search};
pub(super) use tracer::{
    CREATORS_OFF, CREATORS_ON, FIRST_LOOK, FULL, NO_STACKS, SAMPLED, SETTLED, Session, TRACE_FILE,
    trace_path,
};

/// A tool and how it is used.
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) mode: &'static str,
    /// Makes the load so much slower that it does that part of the operations only.
    pub(super) divisor: u64,
    /// Whether it is installed, and can do this.
    pub(super) present: fn() -> bool,
    /// What `tracer attach` is told; peers have their own ways.
    pub(super) flags: &'static [&'static str],
    pub(super) attach: fn(pid: u32) -> Result<Box<dyn Attached>>,
}

/// A tool that watches a process now.
pub(super) trait Attached {
    /// Stops it; tells what it has seen of what the load did, if it can.
    fn detach(self: Box<Self>, ran: &Ran) -> Result<Option<Events>>;
}

/// A program that runs on the CPU of the tools.
fn on_cpu_1(program: &std::path::Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "1"]).arg(program);
    command
}
