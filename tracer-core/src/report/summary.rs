//! Who was watched, for how long, and how completely.

use serde::Serialize;

use super::heap::profiling;
use crate::event::{CgroupSample, CgroupVersion, EndedBy};
use crate::process::Process;

/// Who the process is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProcessSummary {
    /// What users call the pid.
    pub pid: u32,
    /// Name of the main thread.
    pub comm: String,
    /// Path of the executable as the target sees it.
    pub exe: Option<String>,
    /// GNU build id, else Go build id.
    pub build_id: Option<String>,
    /// For example `go1.26.8`.
    pub go_version: Option<String>,
    /// Path of the main module.
    pub main_module: Option<String>,
    /// Go's name of the architecture.
    pub arch: Option<String>,
    /// No symbol table.
    pub stripped: Option<bool>,
    /// Position-independent executable.
    pub pie: Option<bool>,
    /// Linked with C code.
    pub cgo: Option<bool>,
    /// Whether the runtime samples the heap: `on`, `off` or `linked_out`.
    pub heap_profile: Option<&'static str>,
    /// Value of `GODEBUG` when it started.
    pub godebug: Option<String>,
    /// How the kernel was hooked.
    pub hooks: Option<String>,
    /// How often the program was replaced; the report is on the last one.
    pub execs: u64,
    /// Children forked; they were not watched.
    pub forks: u64,
}

impl ProcessSummary {
    pub(super) fn on(process: &Process) -> Self {
        let facts = process.facts().clone();
        Self {
            pid: process.id().tgid,
            comm: facts.comm,
            exe: facts.exe,
            build_id: facts.build_id,
            go_version: facts.go_version,
            main_module: facts.main_module,
            arch: Some(facts.arch).filter(|arch| !arch.is_empty()),
            stripped: facts.stripped,
            pie: facts.pie,
            cgo: facts.cgo,
            heap_profile: profiling(process),
            godebug: facts.godebug,
            hooks: facts.hooks,
            execs: process.execs(),
            forks: process.forks(),
        }
    }
}

/// What was watched.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Window {
    /// From the first to the last event.
    pub seconds: f64,
    /// `duration`, `signal`, `exit` or `oom`; `None` when the recording was cut off.
    pub ended_by: Option<&'static str>,
}

impl Window {
    pub(super) fn on(process: &Process) -> Self {
        let ended_by = process.ended().map(|ended| match ended {
            EndedBy::Duration => "duration",
            EndedBy::Signal => "signal",
            EndedBy::Exit => "exit",
            EndedBy::Oom => "oom",
        });
        Self {
            seconds: process.seconds(),
            ended_by,
        }
    }
}

/// What is wrong with the file a report comes from.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Recording {
    /// Blocks that could not be read.
    pub damaged_blocks: u64,
    /// Bytes of the file that were skipped.
    pub skipped_bytes: u64,
    /// The recording was ended in good order.
    pub complete: bool,
}

/// What did not fit the engine's tables, so that what is said of it is too low.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Overflow {
    /// Mapped regions.
    pub regions: u64,
    /// Stacks and names.
    pub symbols: u64,
    /// Sockets.
    pub sockets: u64,
}

impl Overflow {
    pub(super) fn on(process: &Process) -> Self {
        Self {
            regions: process.vma().dropped(),
            symbols: process.symbols().dropped(),
            sockets: process.descriptors().untracked(),
        }
    }
}

/// The memory cgroup the process is in, as last read.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Cgroup {
    /// 1 or 2.
    pub version: u8,
    /// Path below the mount point.
    pub path: String,
    /// Charged.
    pub usage_bytes: Option<u64>,
    /// Hard limit.
    pub limit_bytes: Option<u64>,
    /// Processes the kernel killed here for memory.
    pub oom_kills: Option<u64>,
}

impl From<&CgroupSample> for Cgroup {
    fn from(sample: &CgroupSample) -> Self {
        Self {
            version: match sample.version {
                CgroupVersion::V1 => 1,
                CgroupVersion::V2 => 2,
            },
            path: sample.path.clone(),
            usage_bytes: sample.usage,
            limit_bytes: sample.limit,
            oom_kills: sample.oom_kills,
        }
    }
}
