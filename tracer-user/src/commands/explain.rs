//! `tracer explain`: what a rule looks for, what would refute it, what to do.

use std::process::ExitCode;

use tracer_core::rules;

use crate::{failure::Failure, output};

/// Explains one rule, or lists all.
///
/// # Errors
/// When there is no such rule.
pub fn run(rule: Option<&str>) -> anyhow::Result<ExitCode> {
    let text = match rule {
        None => rules::catalogue(),
        Some(name) => rules::explain(name).ok_or_else(|| {
            Failure::usage(
                format!("there is no rule {name}"),
                "`tracer explain` lists the rules",
            )
        })?,
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
