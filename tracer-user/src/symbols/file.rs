//! Files of the target: opened only through `/proc/PID`, only regular ones, read into memory.
//!
//! They are copied, not mapped: their owner may truncate them, and a mapping would kill us then.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};

use crate::go;

/// Larger files are not read; the largest Go programs with debug information have half of it.
const MAX_FILE: u64 = 1 << 30;
/// Bytes of an ELF header.
const ELF_HEADER: u64 = 64;

/// What makes a file the same file.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct FileId {
    device: u64,
    pub(super) inode: u64,
    pub(super) size: u64,
    modified: (i64, i64),
}

/// A regular file of the target, open for reading.
#[derive(Debug)]
pub(super) struct TargetFile {
    pub(super) file: File,
    pub(super) id: FileId,
}

impl TargetFile {
    /// Opens a regular file; a device or a pipe is not even touched.
    pub(super) fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let handle =
            rustix::fs::open(path.as_ref(), OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&handle)?.st_mode);
        if kind != FileType::RegularFile {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        let file = File::open(format!("/proc/self/fd/{}", handle.as_raw_fd()))?;
        let metadata = file.metadata()?;
        let id = FileId {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        };
        if id.size > MAX_FILE {
            let message = format!("{} bytes are more than {MAX_FILE}", id.size);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        Ok(Self { file, id })
    }

    /// The file with only those parts filled in that `go::Binary::parse` looks at.
    pub(super) fn read_skeleton(&self) -> io::Result<Vec<u8>> {
        read_skeleton(&self.file, self.id.size)
    }
}

/// As `TargetFile::read_skeleton`, of a file whose size was checked.
pub(super) fn read_skeleton(file: &File, size: u64) -> io::Result<Vec<u8>> {
    // Zeroed pages cost nothing until they are written to.
    let mut data = vec![0; size as usize];
    fill(file, &mut data, 0..ELF_HEADER)?;
    // The header tells where the tables are, the tables tell where the rest is.
    for _ in 0..2 {
        for part in go::parts(&data) {
            fill(file, &mut data, part)?;
        }
    }
    Ok(data)
}

/// Reads a range of the file to its place; what lies behind the end stays zero.
fn fill(file: &File, data: &mut [u8], range: Range<u64>) -> io::Result<()> {
    let end = range.end.min(data.len() as u64);
    let Some(mut buffer) = data.get_mut(range.start as usize..end as usize) else {
        return Ok(());
    };
    let mut offset = range.start;
    while !buffer.is_empty() {
        let count = match file.read_at(buffer, offset) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        offset += count as u64;
        buffer = &mut buffer[count..];
    }
    Ok(())
}

/// The executable of a process, with only those parts filled in that `go::Binary::parse` looks at.
///
/// # Errors
/// When the process is gone or its executable is no regular file of up to 1 GiB.
pub fn read_executable(pid: u32) -> io::Result<Vec<u8>> {
    TargetFile::open(format!("/proc/{pid}/exe"))?.read_skeleton()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_opened() {
        let directory = tempfile::tempdir().unwrap();
        for path in [
            Path::new("/dev/null"),
            Path::new("/proc/self"),
            directory.path(),
        ] {
            let error = TargetFile::open(path).unwrap_err();
            assert_eq!(
                error.to_string(),
                "not a regular file",
                "{}",
                path.display()
            );
        }
    }

    #[test]
    fn a_skeleton_tells_what_the_file_tells() {
        let file = TargetFile::open("/proc/self/exe").unwrap();
        let (whole, skeleton) = (
            std::fs::read("/proc/self/exe").unwrap(),
            file.read_skeleton().unwrap(),
        );
        assert_eq!(whole.len(), skeleton.len());
        let facts = |bytes: &[u8]| {
            let binary = go::Binary::parse(bytes).unwrap();
            (
                binary.build_id,
                binary.pie,
                binary.stripped,
                binary.is_go,
                binary.arch,
            )
        };
        assert_eq!(facts(&skeleton), facts(&whole));
        // Code and debug information, most of the file, were not read.
        let empty = |bytes: &[u8]| {
            let pages = bytes.chunks(4096);
            pages
                .filter(|page| page.iter().all(|byte| *byte == 0))
                .count()
        };
        assert!(empty(&skeleton) > empty(&whole) + whole.len() / 4096 / 4);
    }

    #[test]
    fn a_file_too_large_is_not_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MAX_FILE + 1).unwrap();
        let error = TargetFile::open(file.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
