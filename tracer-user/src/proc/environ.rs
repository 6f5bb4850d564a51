//! `/proc/PID/environ`: the one variable that changes how the Go runtime gives memory back.
//!
//! An environment holds secrets: everything but `GODEBUG` is dropped as soon as it was read.

use std::io;

use super::read_capped;

/// Linux allows 6 MiB of arguments and environment (`exec.c`, three quarters of `_STK_LIM`).
const CAP: u64 = 6 << 20;

/// `GODEBUG` as it was when the process started.
///
/// # Errors
/// When the environment may not be read or the process is gone.
pub fn read_godebug(pid: u32) -> io::Result<Option<String>> {
    Ok(parse_godebug(&read_capped(
        format!("/proc/{pid}/environ"),
        CAP,
    )?))
}

/// The first `GODEBUG` of an environment, which is the one the Go runtime takes.
#[must_use]
pub fn parse_godebug(environment: &[u8]) -> Option<String> {
    let value = environment
        .split(|byte| *byte == 0)
        .find_map(|variable| variable.strip_prefix(b"GODEBUG="))?;
    Some(String::from_utf8_lossy(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(environment: &[u8], expected: Option<&str>) {
        assert_eq!(parse_godebug(environment).as_deref(), expected);
    }

    #[test]
    fn only_the_variable_itself_counts() {
        check(
            b"PATH=/bin\0GODEBUG=madvdontneed=1,gctrace=1\0KEY=secret\0",
            Some("madvdontneed=1,gctrace=1"),
        );
        check(b"XGODEBUG=1\0KEY=GODEBUG=2\0", None);
        check(b"GODEBUG=\0", Some(""));
        check(b"GODEBUG=\xff", Some("\u{fffd}"));
        check(b"", None);
    }
}
