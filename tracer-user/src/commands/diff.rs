//! `tracer diff`: what changed from one trace to another.

use std::process::ExitCode;

use tracer_core::{
    report::{Diff, diff_json, diff_text},
    window::Window,
};

use super::analyze;
use crate::{cli::DiffArgs, output};

/// Reads both traces and prints what changed.
///
/// # Errors
/// When one of the files is no trace, or holds no process.
pub fn run(args: &DiffArgs) -> anyhow::Result<ExitCode> {
    let load = |file| analyze::load(file, Window::default(), &[]);
    let diff = Diff::of(&load(&args.before)?, &load(&args.after)?);
    output::print(&if args.json {
        diff_json(&diff)
    } else {
        diff_text(&diff)
    })?;
    Ok(ExitCode::SUCCESS)
}
