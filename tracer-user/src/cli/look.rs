//! What is asked of commands that take one look.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::value::parse_duration;

/// What `heap` was asked.
#[derive(Debug, Args)]
pub struct HeapArgs {
    /// Process to read
    #[arg(
        short,
        long,
        value_name = "PID",
        allow_negative_numbers = true,
        required_unless_present = "file",
        conflicts_with = "file"
    )]
    pub pid: Option<u32>,
    /// Trace to read instead: the profile that was last recorded
    pub file: Option<PathBuf>,
    /// The profile as it was at this time after the beginning of the trace
    #[arg(long, value_name = "TIME", value_parser = parse_duration, requires = "file")]
    pub to: Option<Duration>,
    /// What changed meanwhile, as `go tool pprof -diff_base` shows it
    #[arg(long, requires = "file")]
    pub diff: bool,
    /// Since this time after the beginning of the trace, instead of since the first profile
    #[arg(long, value_name = "TIME", value_parser = parse_duration, requires = "diff")]
    pub from: Option<Duration>,
    /// Save it in this new file: .pb.gz for pprof, .folded, .svg, .txt; `-` is pprof on stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the output file if it exists
    #[arg(short, long)]
    pub force: bool,
    /// Print all sites as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What `holders` was asked.
#[derive(Debug, Args)]
pub struct HoldersArgs {
    /// Process to read
    #[arg(short, long, value_name = "PID", allow_negative_numbers = true)]
    pub pid: u32,
    /// Follow only objects whose stack of allocation has a function with this in its name
    #[arg(long, value_name = "PATTERN")]
    pub site: Option<String>,
    /// Objects that are followed, of each site
    #[arg(long, value_name = "COUNT", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub sample: u32,
    /// Stop after this time [default: 10s, or 60s while others need all processors]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, allow_negative_numbers = true)]
    pub budget: Option<Duration>,
    /// Rest so long, in percent of the processor time that it takes; 0 is as fast as possible
    /// [default: 100, or 1900 while others need all processors]
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub pace: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What `symbols` was asked.
#[derive(Debug, Args)]
pub struct SymbolsArgs {
    /// Executable or library
    pub file: PathBuf,
    /// Addresses in hexadecimal, as its linker counts them; `-` reads them from stdin
    #[arg(value_name = "PC", required = true)]
    pub pcs: Vec<String>,
    /// Print one JSON object a line
    #[arg(long)]
    pub json: bool,
}
