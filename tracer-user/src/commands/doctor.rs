//! `tracer doctor`: what this kernel, these capabilities and a target allow.

use std::process::ExitCode;

use crate::{
    doctor,
    failure::{ExitStatus, Failure},
    output,
};

/// Runs all checks and prints them.
///
/// # Errors
/// When `attach` would fail, and when stdout cannot be written.
pub fn run(pid: Option<u32>, json: bool) -> anyhow::Result<ExitCode> {
    let diagnosis = doctor::run(pid);
    output::print(&if json {
        diagnosis.json()
    } else {
        diagnosis.text()
    })?;
    if diagnosis.exit_status() == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    let refused = diagnosis.target.as_ref().and_then(|visit| visit.refused);
    let status = refused.unwrap_or(ExitStatus::Unsupported);
    let hint = "each line above that says `missing` is followed by what helps";
    Err(Failure::new(status, diagnosis.verdict(), hint).into())
}
