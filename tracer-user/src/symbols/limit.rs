//! A time limit on what may wait for ever.
//!
//! The target may serve the file system of its own files (FUSE), and then decides when a read ends.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// For all that is done with one file at a time: opening, reading, parsing.
pub(super) const LIMIT: Duration = Duration::from_secs(2);

/// What `work` returns, unless it takes longer than the limit.
///
/// It then goes on in a thread that nobody waits for, and ends with the process.
pub(super) fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (done, result) = channel();
    thread::Builder::new()
        .name("file".to_owned())
        .spawn(move || {
            // Nobody waits any more when it took too long.
            let _ = done.send(work());
        })?;
    result.recv_timeout(limit).unwrap_or_else(|error| {
        Err(match error {
            RecvTimeoutError::Timeout => {
                let message = format!("no answer from its file system in {limit:?}");
                io::Error::new(io::ErrorKind::TimedOut, message)
            }
            // A forged file found a mistake of ours: it costs its own names only.
            RecvTimeoutError::Disconnected => io::Error::other("the parser panicked"),
        })
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::Read as _;
    use std::time::Instant;

    use super::*;

    #[track_caller]
    fn check(
        limit: Duration,
        work: impl FnOnce() -> io::Result<u32> + Send + 'static,
        expected: Result<u32, &str>,
    ) {
        let start = Instant::now();
        let result = within(limit, work).map_err(|error| error.to_string());
        assert_eq!(result.as_ref().map_err(String::as_str).copied(), expected);
        assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    }

    #[test]
    fn what_ends_in_time_what_does_not_and_what_panics() {
        check(LIMIT, || Ok(7), Ok(7));
        check(LIMIT, || Err(io::Error::other("gone")), Err("gone"));
        check(
            LIMIT,
            || panic!("a forged file"),
            Err("the parser panicked"),
        );
        // Nothing ever comes out of it.
        let (mut reader, _writer) = std::io::pipe().unwrap();
        check(
            Duration::from_millis(50),
            move || reader.read(&mut [0]).map(|count| count as u32),
            Err("no answer from its file system in 50ms"),
        );
    }
}
