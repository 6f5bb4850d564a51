//! Where results go: stdout, the terminal, trace files.

use std::io::{self, Write as _};

pub mod live_view;
pub mod trace_file;

/// Writes a result to stdout.
///
/// # Errors
/// When stdout cannot be written; a reader that has gone away is no error.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
