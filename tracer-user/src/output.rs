//! Where results go: stdout, the terminal, trace files.

use std::io::{self, Write as _};
use std::ops::ControlFlow;

use crate::failure::Failure;

pub mod heap;
pub mod live_view;
pub mod new_file;
pub mod trace_file;

/// Writes a result to stdout.
///
/// # Errors
/// When stdout cannot be written; a reader that has gone away is no error.
pub fn print(text: &str) -> Result<(), Failure> {
    print_on(text).map(|_| ())
}

/// As `print`, of one piece of many: breaks off when nobody reads any more.
///
/// # Errors
/// As `print`.
pub fn print_on(text: &str) -> Result<ControlFlow<()>, Failure> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(Failure::usage(
            format!("cannot write to stdout: {error}"),
            "give it a place with room; `tracer analyze` reports again from a recording (-o)",
        )),
    }
}

/// Writes a line for the user to stderr. Nobody reading it is no reason to stop.
pub fn notice(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
