//! Files of the target: opened only through `/proc/PID`, only regular ones, read into memory.
//!
//! They are copied, not mapped: their owner may truncate them, and a mapping would kill us then.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use rustix::fs::{FileType, MemfdFlags, Mode, OFlags};

use crate::go;

/// Larger files are not read; the largest Go programs with debug information have half of it.
const MAX_FILE: u64 = 1 << 30;
/// Larger files are not copied for their C symbols.
const MAX_SNAPSHOT: u64 = 256 << 20;
/// Bytes of an ELF header.
const ELF_HEADER: u64 = 64;

/// What makes a file the same file.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct FileId {
    device: u64,
    pub(super) inode: u64,
    size: u64,
    modified: (i64, i64),
}

/// A regular file of the target, open for reading.
#[derive(Debug)]
pub(super) struct TargetFile {
    file: File,
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
        // Zeroed pages cost nothing until they are written to.
        let mut data = vec![0; self.id.size as usize];
        self.fill(&mut data, 0..ELF_HEADER)?;
        // The header tells where the tables are, the tables tell where the rest is.
        for _ in 0..2 {
            for part in go::parts(&data) {
                self.fill(&mut data, part)?;
            }
        }
        Ok(data)
    }

    /// A copy of the whole file that nobody else can change.
    pub(super) fn snapshot(&self) -> io::Result<File> {
        if self.id.size > MAX_SNAPSHOT {
            let message = format!("{} bytes are more than {MAX_SNAPSHOT}", self.id.size);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        let mut copy = File::from(rustix::fs::memfd_create("symbols", MemfdFlags::CLOEXEC)?);
        let mut source = &self.file;
        source.rewind()?;
        io::copy(&mut source.take(MAX_SNAPSHOT), &mut copy)?;
        Ok(copy)
    }

    /// Reads a range of the file to its place; what lies behind the end stays zero.
    fn fill(&self, data: &mut [u8], range: Range<u64>) -> io::Result<()> {
        let end = range.end.min(data.len() as u64);
        let Some(mut buffer) = data.get_mut(range.start as usize..end as usize) else {
            return Ok(());
        };
        let mut offset = range.start;
        while !buffer.is_empty() {
            let count = match self.file.read_at(buffer, offset) {
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
}

/// A path to an open file, valid while it stays open.
pub(super) fn path_of(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_fd().as_raw_fd())
}

/// The executable of a process, with only those parts filled in that `go::Binary::parse` looks at.
///
/// # Errors
/// When the process is gone or its executable is no regular file of up to 1 GiB.
pub fn read_executable(pid: u32) -> io::Result<Vec<u8>> {
    TargetFile::open(format!("/proc/{pid}/exe"))?.read_skeleton()
}
