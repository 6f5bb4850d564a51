//! `tracer analyze`: the report of a recorded trace.

use std::process::ExitCode;

use tracer_core::report::{self, Recording};

use crate::{
    cli::AnalyzeArgs,
    failure::{ExitStatus, Failure},
    output,
    source::file,
};

/// Replays the file and prints its report.
///
/// # Errors
/// When the file is no trace, or holds no process.
pub fn run(args: &AnalyzeArgs) -> anyhow::Result<ExitCode> {
    let (node, damage) = file::replay(&args.file)?;
    let mut report = node.report().ok_or_else(|| {
        Failure::new(
            ExitStatus::Damaged,
            format!(
                "{}: no whole block tells about a process",
                args.file.display()
            ),
            "the recording was stopped or damaged before its first block was complete",
        )
    })?;
    // A whole trace gives the very report that was printed when it was recorded.
    if !damage.complete || damage.damaged_blocks > 0 || damage.skipped_bytes > 0 {
        report.recording = Some(Recording {
            damaged_blocks: damage.damaged_blocks,
            skipped_bytes: damage.skipped_bytes,
            complete: damage.complete,
        });
    }
    output::print(&if args.json {
        report::json(&report)
    } else {
        report::text(&report)
    })?;
    Ok(ExitCode::SUCCESS)
}
