//! Errors that end a command: what failed, what to do about it, and the exit code.

use std::{
    any::Any,
    fmt,
    panic::{self, AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use tracer_core::report::escape;

use crate::output;

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
#[must_use]
pub fn print(error: &anyhow::Error) -> ExitCode {
    let (status, hint) = match error.downcast_ref::<Failure>() {
        Some(failure) => (failure.status, failure.hint.as_str()),
        None => (
            ExitStatus::Internal,
            "this is a bug of tracer: please report it with the output of `tracer doctor`",
        ),
    };
    output::notice(&lines(&format!("{error:#}"), hint));
    ExitCode::from(status as u8)
}

fn lines(error: &str, hint: &str) -> String {
    format!("error: {}\nhint: {}", escape(error), escape(hint))
}

/// Runs a command so that a panic ends like any other error, and says one elsewhere in a line.
///
/// # Errors
/// Those of the command, and its panic.
pub fn guard(command: impl FnOnce() -> anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    panic::set_hook(Box::new(|panic| {
        let at = panic
            .location()
            .map_or_else(String::new, ToString::to_string);
        let said = said(panic.payload());
        tracing::warn!("panic at {at}: {}", escape(said));
    }));
    // What the command has left half done is not looked at again.
    catch_unwind(AssertUnwindSafe(command))
        .unwrap_or_else(|payload| Err(anyhow::anyhow!("panic: {}", said(payload.as_ref()))))
}

/// The message of a panic.
fn said(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_error_takes_two_lines_whatever_it_holds() {
        assert_eq!(
            lines("no process \u{1b}[31m\n7", "look\nagain"),
            "error: no process \\x1b[31m\\n7\nhint: look\\nagain",
        );
    }

    #[test]
    fn a_panic_is_an_error() {
        assert!(guard(|| Ok(ExitCode::SUCCESS)).is_ok());
        for (number, expected) in [(1, "panic: one"), (2, "panic: number 2")] {
            let error = guard(|| match number {
                1 => panic!("one"),
                _ => panic!("number {number}"),
            });
            assert_eq!(error.unwrap_err().to_string(), expected);
        }
    }
}
