//! Steps that are done only when something is missing, one line each.

use std::fmt;
use std::time::Instant;

use anyhow::{Error, Result};

/// Something that has to be there.
pub(crate) struct Step {
    /// What, as the progress line says it.
    pub name: &'static str,
    /// What the user can do if it fails.
    pub hint: &'static str,
    /// Whether it is there already.
    pub present: fn() -> bool,
    /// Brings it here.
    pub install: fn() -> Result<()>,
}

/// An error that knows what to do about it: one `error:` and one `hint:` line.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What went wrong.
    pub error: String,
    /// What the user can do.
    pub hint: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)
    }
}

impl std::error::Error for Failure {}

/// Gives any error a hint.
pub(crate) fn failure(error: impl fmt::Display, hint: impl Into<String>) -> Error {
    Failure {
        error: error.to_string(),
        hint: hint.into(),
    }
    .into()
}

/// Walks the steps in order and stops at the first that fails.
#[expect(clippy::print_stderr, reason = "progress")]
pub(crate) fn run(steps: &[Step]) -> Result<()> {
    for step in steps {
        let start = Instant::now();
        let mut done = "present";
        if !(step.present)() {
            eprintln!("setup: {}: missing, installing ...", step.name);
            (step.install)()
                .map_err(|error| failure(format!("{}: {error:#}", step.name), step.hint))?;
            done = "installed";
        }
        eprintln!(
            "setup: {}: {done} ({:.1} s)",
            step.name,
            start.elapsed().as_secs_f64()
        );
    }
    Ok(())
}
