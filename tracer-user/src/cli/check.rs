//! What is asked of `check`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::value::{parse_duration, parse_rate};
use super::{AttachArgs, WindowArgs};

/// How `check` prints what it found.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CheckFormat {
    /// A line for each finding
    Text,
    /// XML as `JUnit` writes it: a test case for each rule
    Junit,
    /// Annotations of GitHub Actions, at the guilty lines
    Github,
}

/// What `check` was asked.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Process to watch
    #[arg(
        short,
        long,
        value_name = "PID",
        allow_negative_numbers = true,
        required_unless_present = "file",
        conflicts_with = "file"
    )]
    pub pid: Option<u32>,
    /// Trace to read instead
    pub file: Option<PathBuf>,
    /// How long to watch
    #[arg(short, long, value_name = "TIME", default_value = "60s", value_parser = parse_duration, allow_negative_numbers = true)]
    pub duration: Duration,
    /// A rule whose findings do not count; repeatable
    #[arg(long, value_name = "RULE")]
    pub allow: Vec<String>,
    /// Also fail when the memory in use grows faster, such as 5MiB/min
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub max_growth: Option<u64>,
    /// Also fail when more sockets of one origin than this are open
    #[arg(long, value_name = "COUNT")]
    pub max_sockets_per_origin: Option<u64>,
    /// Print the whole report as one JSON object
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
    /// What part of the trace
    #[command(flatten)]
    pub window: WindowArgs,
}

impl CheckArgs {
    /// How the process is watched: as `attach` does it, without a word.
    #[must_use]
    pub fn watch(&self) -> AttachArgs {
        AttachArgs {
            json: self.json,
            ..AttachArgs::silent(self.pid.unwrap_or(0), self.duration)
        }
    }
}
