//! Samplers of `/proc`: each is a `read` that does I/O and a pure `parse`.
//!
//! ```text
//! maps, smaps ─▶ mappings and their use      cgroup ─▶ limits and usage
//! memory      ─▶ RSS and its parts           target ─▶ who the process is
//! fds         ─▶ open descriptors            tracefs, memlock, own_heap ─▶ what attaching needs
//! ```
//!
//! A process may exit at any moment, and its pid may then belong to another one. A sampler that
//! takes a pid answers for whoever has it: ask `Target::has_exited` afterwards, and drop the
//! sample when it says yes.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rustix::io::Errno;

pub mod capability;
pub mod cgroup;
pub mod environ;
pub mod executable;
pub mod fds;
mod fields;
pub mod maps;
pub mod memlock;
pub mod memory;
pub mod mounts;
pub mod namespace;
pub mod open_files;
pub mod own_heap;
pub(crate) mod processors;
pub mod release;
pub mod smaps;
pub mod sockets;
pub mod standstill;
pub mod stat;
pub mod status;
pub mod target;
pub mod tracefs;

/// Most of a file of one value or a few lines that is read.
pub(crate) const SHORT: u64 = 64 << 10;

/// Reads a whole file, or fails when it holds more than `cap` bytes.
pub(crate) fn read_capped(path: impl AsRef<Path>, cap: u64) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    let mut bytes = Vec::new();
    File::open(path)?.take(cap + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > cap {
        let message = format!("{} is larger than {cap} bytes", path.display());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// Whether a sampler failed because the process is no more.
///
/// Opening a file of an exited process says `ENOENT`, reading one that was open says `ESRCH`.
#[must_use]
pub fn is_gone(error: &io::Error) -> bool {
    let gone = [Errno::NOENT, Errno::SRCH].map(Errno::raw_os_error);
    error
        .raw_os_error()
        .is_some_and(|number| gone.contains(&number))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_file_over_the_cap_is_refused_whole() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"12345").unwrap();
        assert_eq!(read_capped(file.path(), 5).unwrap(), b"12345");
        let error = read_capped(file.path(), 4).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_process_that_is_not_there_is_gone() {
        assert!(is_gone(
            &read_capped("/proc/4194305/stat", SHORT).unwrap_err()
        ));
        assert!(is_gone(&io::Error::from(Errno::SRCH)));
        assert!(!is_gone(&io::Error::from(Errno::ACCESS)));
    }
}
