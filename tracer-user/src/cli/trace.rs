//! What is asked of commands that read traces.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tracer_core::window::Window;

use super::value::parse_duration;
use crate::failure::Failure;

/// What `analyze` was asked.
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// Trace file
    pub file: PathBuf,
    /// Print the report as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Look for names that are missing in this executable, library or debug file too; repeatable
    #[arg(long, value_name = "PATH")]
    pub symbols: Vec<PathBuf>,
    /// What part of it
    #[command(flatten)]
    pub window: WindowArgs,
}

/// The part of a trace that is looked at.
#[derive(Debug, Args)]
pub struct WindowArgs {
    /// Count from this time after the beginning of a trace on, such as 30s
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub from: Option<Duration>,
    /// Look no further than this time after its beginning
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub to: Option<Duration>,
}

impl WindowArgs {
    /// What was asked, as the engine takes it.
    ///
    /// # Errors
    /// If it ends before it begins.
    pub fn window(&self) -> Result<Window, Failure> {
        let from = self.from.unwrap_or_default();
        if self.to.is_some_and(|to| to <= from) {
            return Err(Failure::usage(
                "--to is not later than --from",
                "both are times since the beginning of the trace: --from 30s --to 1m",
            ));
        }
        Ok(Window { from, to: self.to })
    }
}

/// What `diff` was asked.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Trace from before
    pub before: PathBuf,
    /// Trace from after
    pub after: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
