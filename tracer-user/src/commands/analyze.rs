//! `tracer analyze`: the report of a recorded trace.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use tracer_core::{
    report::{self, Recording, Report},
    window::Window,
};

use super::symbols as listing;
use crate::{
    cli::AnalyzeArgs,
    failure::{ExitStatus, Failure},
    output,
    source::file as trace,
    source::file::Replay,
};

/// Replays the file and prints its report.
///
/// # Errors
/// When the file is no trace, or holds no process.
pub fn run(args: &AnalyzeArgs) -> anyhow::Result<ExitCode> {
    let report = load(&args.file, args.window.window()?, &args.symbols)?;
    output::print(&if args.json {
        report::json(&report)
    } else {
        report::text(&report)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The report of a window of a trace, with names from further files.
///
/// # Errors
/// When the file is no trace, or holds no process.
pub(super) fn load(file: &Path, window: Window, symbols: &[PathBuf]) -> anyhow::Result<Report> {
    let mut files = symbols
        .iter()
        .map(|path| listing::open(path))
        .collect::<Result<Vec<_>, _>>()?;
    let Replay {
        node,
        damage,
        strangers,
        troubles,
        ..
    } = trace::replay(file, window, &mut files)?;
    for name in strangers {
        let name = report::escape(&name);
        output::notice(&format!(
            "warning: {name} names nothing here: no code of its build is on a stack of the trace"
        ));
    }
    for (name, why) in troubles {
        listing::warn(name.as_ref(), &why);
    }
    let mut report = node.report().ok_or_else(|| {
        Failure::new(
            ExitStatus::Damaged,
            format!("{}: no whole block tells about a process", file.display()),
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
    Ok(report)
}
