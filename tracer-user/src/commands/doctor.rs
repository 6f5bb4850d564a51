//! `tracer doctor`: what this kernel, these capabilities and a target allow.

use std::process::ExitCode;

use crate::{doctor, output};

/// Runs all checks and prints them.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(pid: Option<u32>, json: bool) -> anyhow::Result<ExitCode> {
    let diagnosis = doctor::run(pid);
    output::print(&if json {
        diagnosis.json()
    } else {
        diagnosis.text()
    })?;
    Ok(ExitCode::from(diagnosis.exit_status()))
}
