//! Errors that end a command: what failed, what to do about it, and the exit code.

use std::{fmt, process::ExitCode};

use tracer_core::report::escape;

/// Exit codes of the command line, as the contract documents them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum ExitStatus {
    /// `check` found a leak.
    LeakFound = 1,
    /// The command line or its paths are wrong.
    Usage = 2,
    /// The target, the kernel or the permissions do not allow it.
    Unsupported = 3,
    /// More events were lost than `--max-loss` allows.
    Lossy = 4,
    /// The input file is damaged.
    Damaged = 5,
    /// A bug in `tracer`.
    Internal = 70,
}

/// An error for the user: one `error:` line, one `hint:` line, one exit code.
#[derive(Debug)]
pub struct Failure {
    /// The documented exit code.
    pub status: ExitStatus,
    /// What went wrong, lower case, with the numbers.
    pub error: String,
    /// What to do about it.
    pub hint: String,
}

impl Failure {
    /// A failure of the given kind.
    pub fn new(status: ExitStatus, error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            status,
            error: error.into(),
            hint: hint.into(),
        }
    }

    /// The command line or a path it names is wrong.
    pub fn usage(error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ExitStatus::Usage, error, hint)
    }

    /// The target, the kernel or the permissions do not allow it.
    pub fn unsupported(error: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ExitStatus::Unsupported, error, hint)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)
    }
}

impl std::error::Error for Failure {}

/// Prints the `error:` and `hint:` lines of whatever ended the command; returns its exit code.
#[expect(clippy::print_stderr, reason = "this is where errors reach the user")]
#[must_use]
pub fn print(error: &anyhow::Error) -> ExitCode {
    let (status, hint) = match error.downcast_ref::<Failure>() {
        Some(failure) => (failure.status, failure.hint.as_str()),
        None => (
            ExitStatus::Internal,
            "this is a bug of tracer: please report it with the output of `tracer doctor`",
        ),
    };
    eprintln!("error: {}", escape(&format!("{error:#}")));
    eprintln!("hint: {}", escape(hint));
    ExitCode::from(status as u8)
}
