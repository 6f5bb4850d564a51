//! What is asked of commands that watch a process.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::value::{parse_duration, parse_percent, parse_sample_bytes};
use crate::kernel::{Family, Stacks};

/// What `attach` was asked.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct AttachArgs {
    /// Process to watch
    #[arg(short, long, value_name = "PID", allow_negative_numbers = true)]
    pub pid: u32,
    /// Stop after this time, such as 30s or 5m; without it at ^C or when the process exits
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, allow_negative_numbers = true)]
    pub duration: Option<Duration>,
    /// Also record everything into this new file, for `tracer analyze`
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the output file if it exists
    #[arg(short, long)]
    pub force: bool,
    /// Print the report as one JSON object
    #[arg(long)]
    pub json: bool,
    /// How to hook system calls
    #[arg(long, value_enum, default_value_t = Hooks::Auto)]
    pub hooks: Hooks,
    /// Whether to watch who creates goroutines: a trap in the target for each
    #[arg(long, value_enum, default_value_t = Creators::Auto)]
    pub creators: Creators,
    /// Whether to watch who allocates, where there is no heap profile: a trap in the target for each
    /// span of memory
    #[arg(long, value_enum, default_value_t = Allocs::Auto)]
    pub allocs: Allocs,
    /// Count and add up only: each event costs the target less, and no line of code is named
    #[arg(long, conflicts_with = "sample_bytes")]
    pub no_stacks: bool,
    /// Take stacks of a sample: of calls with a length and of page faults, one of so many bytes on
    /// average, such as 512KiB
    #[arg(long, value_name = "SIZE", value_parser = parse_sample_bytes)]
    pub sample_bytes: Option<u64>,
    /// Whether to follow objects to who holds them: takes seconds, once
    #[arg(long, value_enum, default_value_t = Holders::Auto)]
    pub holders: Holders,
    /// Watch a program that is not written in Go too, without Go knowledge
    #[arg(long)]
    pub any: bool,
    /// Percentage of lost events above which the exit code is 4
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0, value_parser = parse_percent, allow_negative_numbers = true)]
    pub max_loss: f64,
    /// Nothing but the report: no live view, no notices
    #[arg(short, long)]
    pub quiet: bool,
}

impl AttachArgs {
    /// Of which events stacks are asked for.
    #[must_use]
    pub fn stacks(&self) -> Stacks {
        match self.sample_bytes {
            _ if self.no_stacks => Stacks::None,
            Some(mean_bytes) => Stacks::Sampled { mean_bytes },
            None => Stacks::All,
        }
    }

    /// What is done unless it is asked otherwise, for so long and without a word.
    #[must_use]
    pub fn silent(pid: u32, duration: Duration) -> Self {
        Self {
            pid,
            duration: Some(duration),
            output: None,
            force: false,
            json: false,
            hooks: Hooks::Auto,
            creators: Creators::Auto,
            allocs: Allocs::Auto,
            no_stacks: false,
            sample_bytes: None,
            holders: Holders::Auto,
            any: false,
            max_loss: 1.0,
            quiet: true,
        }
    }
}

/// What `sockets` was asked.
#[derive(Debug, Args)]
pub struct SocketsArgs {
    /// Process to watch
    #[arg(short, long, value_name = "PID", allow_negative_numbers = true)]
    pub pid: u32,
    /// How long to watch who opens and closes sockets
    #[arg(short, long, value_name = "TIME", default_value = "5s", value_parser = parse_duration, allow_negative_numbers = true)]
    pub duration: Duration,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// How to hook system calls
    #[arg(long, value_enum, default_value_t = Hooks::Auto)]
    pub hooks: Hooks,
    /// Whether to watch who creates goroutines: a trap in the target for each
    #[arg(long, value_enum, default_value_t = Creators::On)]
    pub creators: Creators,
    /// Watch a program that is not written in Go too, without Go knowledge
    #[arg(long)]
    pub any: bool,
}

/// Whether creations of goroutines are watched.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Creators {
    /// When sockets or goroutines grow
    Auto,
    /// From the start
    On,
    /// Never
    Off,
}

/// Whether allocations are watched.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Allocs {
    /// When the live heap grows and the program keeps no heap profile
    Auto,
    /// From the start
    On,
    /// Never
    Off,
}

/// Whether it is searched who holds the heap.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Holders {
    /// When the live heap grows
    Auto,
    /// As soon as there is a heap profile
    Always,
    /// Never
    Never,
}

/// The choice of a hook family.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Hooks {
    /// The best that this kernel allows
    Auto,
    /// fentry and fexit
    Fentry,
    /// kprobe and kretprobe
    Kprobe,
    /// Syscall tracepoints
    Tracepoint,
}

impl Hooks {
    /// The family asked for, if one was.
    #[must_use]
    pub const fn family(self) -> Option<Family> {
        match self {
            Self::Auto => None,
            Self::Fentry => Some(Family::Fentry),
            Self::Kprobe => Some(Family::Kprobe),
            Self::Tracepoint => Some(Family::Tracepoint),
        }
    }
}
