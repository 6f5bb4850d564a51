//! The kernel's release. It explains; what decides is always a probe.

use std::io;

use super::fields::number;
use super::{SHORT, read_capped};

/// A kernel release.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Release {
    /// As `uname -r` prints it.
    pub text: String,
    /// First and second number.
    pub version: (u64, u64),
}

/// The release of the running kernel.
///
/// # Errors
/// When `/proc` is not there.
pub fn read() -> io::Result<Release> {
    let text = read_capped("/proc/sys/kernel/osrelease", SHORT)?;
    parse(&text).ok_or_else(|| {
        let message = format!("kernel release {:?}", String::from_utf8_lossy(&text));
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

/// `6.1.0-18-cloud-amd64` and its like.
#[must_use]
pub fn parse(text: &[u8]) -> Option<Release> {
    let text = text.trim_ascii();
    let mut numbers = text.split(|byte| !byte.is_ascii_digit());
    let version = (number(numbers.next()?)?, number(numbers.next()?)?);
    let text = String::from_utf8_lossy(text).into_owned();
    Some(Release { text, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, version: Option<(u64, u64)>) {
        assert_eq!(
            parse(text.as_bytes()).map(|release| release.version),
            version
        );
    }

    #[test]
    fn releases() {
        check("6.1.0-18-cloud-amd64\n", Some((6, 1)));
        check("5.15.153.1-microsoft-standard-WSL2", Some((5, 15)));
        check("6.18-rc1", Some((6, 18)));
        check("6", None);
        check("linux", None);
        check("", None);
    }
}
