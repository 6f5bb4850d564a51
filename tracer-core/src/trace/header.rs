//! The first bytes of a trace: what it is, which version, who wrote it.

use std::fmt;

/// Not text, and broken by transfers that touch line ends.
const MAGIC: [u8; 8] = *b"\x89TRACE\r\n";

/// Magic, version, length of the writer's name, reserved.
const FIXED_BYTES: usize = 16;

/// The version this code writes, and the newest major version it reads.
const CURRENT: Version = Version { major: 2, minor: 1 };

/// Version of the format of a trace.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Version {
    /// Changes when older readers would misread the file.
    pub major: u16,
    /// Changes when older readers see less, but nothing wrong.
    pub minor: u16,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Why bytes cannot be read as a trace.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// It does not begin as a trace does, and no block is near its beginning.
    #[error("not a trace file")]
    NotATrace,
    /// Its major version is newer than this reader.
    #[error("trace format {version} is newer than {CURRENT}, the newest that can be read")]
    TooNew {
        /// The version it says it has.
        version: Version,
    },
}

/// What a header says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Header {
    pub(super) version: Version,
    /// Name and version of the program that wrote the trace.
    pub(super) writer: String,
    /// Bytes it takes.
    pub(super) len: usize,
}

/// How the beginning of a file looks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Opening {
    /// A header with a good checksum and a version that can be read.
    Whole(Header),
    /// The magic, then damage or the end.
    Damaged,
    /// Another file, or a trace without its first bytes.
    Unknown,
}

/// The header of a new trace.
pub(super) fn encode() -> Vec<u8> {
    let writer = concat!("tracer ", env!("CARGO_PKG_VERSION"));
    let mut bytes = Vec::with_capacity(FIXED_BYTES + writer.len() + 4);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&CURRENT.major.to_le_bytes());
    bytes.extend_from_slice(&CURRENT.minor.to_le_bytes());
    bytes.extend_from_slice(&(writer.len() as u16).to_le_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend_from_slice(writer.as_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// Reads the header of `bytes`.
pub(super) fn decode(bytes: &[u8]) -> Result<Opening, OpenError> {
    if !bytes.starts_with(&MAGIC) {
        return Ok(Opening::Unknown);
    }
    let Some(header) = decode_checked(bytes) else {
        return Ok(Opening::Damaged);
    };
    if header.version.major > CURRENT.major {
        return Err(OpenError::TooNew {
            version: header.version,
        });
    }
    Ok(Opening::Whole(header))
}

fn decode_checked(bytes: &[u8]) -> Option<Header> {
    let fixed = bytes.first_chunk::<FIXED_BYTES>()?;
    let field = |at: usize| u16::from_le_bytes([fixed[at], fixed[at + 1]]);
    let end = FIXED_BYTES + usize::from(field(12));
    let covered = bytes.get(..end)?;
    let crc = bytes[end..].first_chunk::<4>()?;
    if crc32fast::hash(covered) != u32::from_le_bytes(*crc) {
        return None;
    }
    Some(Header {
        version: Version {
            major: field(8),
            minor: field(10),
        },
        writer: String::from_utf8_lossy(&covered[FIXED_BYTES..]).into_owned(),
        len: end + 4,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header with `major` and `minor` put in, and its checksum made right again.
    fn of_version(major: u8, minor: u8) -> Vec<u8> {
        let mut bytes = encode();
        bytes.truncate(bytes.len() - 4);
        bytes[8] = major;
        bytes[10] = minor;
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    #[test]
    fn a_header_says_who_wrote_it() {
        let bytes = encode();
        let writer = concat!("tracer ", env!("CARGO_PKG_VERSION")).to_owned();
        let header = Header {
            version: CURRENT,
            writer,
            len: bytes.len(),
        };
        assert_eq!(decode(&bytes), Ok(Opening::Whole(header)));
    }

    #[test]
    fn only_a_newer_major_version_is_refused() {
        let refused = decode(&of_version(3, 4));
        let version = Version { major: 3, minor: 4 };
        assert_eq!(refused, Err(OpenError::TooNew { version }));
        assert_eq!(
            OpenError::TooNew { version }.to_string(),
            "trace format 3.4 is newer than 2.1, the newest that can be read",
        );
        for (major, minor) in [(0, 9), (1, 0), (1, 9), (2, 0), (2, 9)] {
            assert!(matches!(
                decode(&of_version(major, minor)),
                Ok(Opening::Whole(_))
            ));
        }
    }

    #[test]
    fn damage_is_told_from_another_file() {
        assert_eq!(decode(b""), Ok(Opening::Unknown));
        assert_eq!(decode(b"#!/bin/sh\n"), Ok(Opening::Unknown));
        let bytes = encode();
        for end in 8..bytes.len() {
            assert_eq!(decode(&bytes[..end]), Ok(Opening::Damaged), "cut at {end}");
        }
        for bit in 64..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&flipped), Ok(Opening::Damaged), "bit {bit}");
        }
    }
}
