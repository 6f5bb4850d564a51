//! Files of the target: opened only through `/proc/PID`, only regular ones, read into memory.
//!
//! They are copied, not mapped: their owner may truncate them, and a mapping would kill us then.
//! A file that is only held asks nothing of its file system, which the target may serve itself.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, StatxFlags};

use super::skeleton::Skeleton;

/// Larger files are not read; the largest Go programs with debug information have half of it.
const MAX_FILE: u64 = 1 << 30;
/// Opens nothing yet: what it is can be asked without a device or a pipe noticing.
const HANDLE: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
/// Another holder of a lease on the file could keep us waiting otherwise.
const READING: OFlags = OFlags::CLOEXEC
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// What makes a file the same file.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct FileId {
    device: (u32, u32),
    pub(super) inode: u64,
    pub(super) size: u64,
    modified: (i64, u32),
}

/// A regular file of the target, held so that it stays what it is, whatever becomes of its path.
#[derive(Debug)]
pub(super) struct TargetFile {
    /// Cannot be read from.
    pub(super) handle: OwnedFd,
    pub(super) id: FileId,
}

impl TargetFile {
    /// Opens a regular file; a device or a pipe is not even touched.
    pub(super) fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::of_handle(rustix::fs::open(path.as_ref(), HANDLE, Mode::empty())?)
    }

    /// As `open`, of a path below a directory, out of which no link leads.
    pub(super) fn open_below(root: &OwnedFd, path: &str) -> io::Result<Self> {
        let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let handle = rustix::fs::openat2(root, path, HANDLE, Mode::empty(), inside)?;
        Self::of_handle(handle)
    }

    /// A file of any kind that is open already, if it is a regular one and not too large.
    pub(super) fn of_handle(handle: OwnedFd) -> io::Result<Self> {
        let id = identify(&handle)?;
        if id.size > MAX_FILE {
            let message = format!("{} bytes are more than {MAX_FILE}", id.size);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        Ok(Self { handle, id })
    }

    /// Up to `len` bytes at `offset`, fewer at the end of the file.
    pub(super) fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut data = vec![0; len.min(self.id.size as usize)];
        let count = open_again(&self.handle)?.read_at(&mut data, offset)?;
        data.truncate(count);
        Ok(data)
    }

    /// The checksum by which debug links name files.
    pub(super) fn checksum(&self) -> io::Result<u32> {
        let mut file = open_again(&self.handle)?;
        let mut hasher = crc32fast::Hasher::new();
        let mut piece = vec![0; 1 << 20];
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(hasher.finalize()),
                count => hasher.update(&piece[..count]),
            }
        }
    }

    /// The file with only those parts filled in that `go::Binary::parse` looks at.
    pub(super) fn read_skeleton(&self) -> io::Result<Skeleton> {
        let skeleton = Skeleton::read(&open_again(&self.handle)?, self.id.size)?;
        self.check_unchanged()?;
        Ok(skeleton)
    }

    /// An error when somebody has written to it since it was opened.
    pub(super) fn check_unchanged(&self) -> io::Result<()> {
        if identify(&self.handle)? == self.id {
            return Ok(());
        }
        Err(io::Error::other("it was changed while it was in use"))
    }
}

/// The file behind a handle, open for reading.
pub(super) fn open_again(handle: impl AsFd) -> io::Result<File> {
    let path = format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd());
    Ok(rustix::fs::open(path, READING, Mode::empty())?.into())
}

/// Asks for what the kernel knows already: a file system is not waited for.
fn identify(handle: &OwnedFd) -> io::Result<FileId> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let status = rustix::fs::statx(handle, "", flags, StatxFlags::BASIC_STATS)?;
    if FileType::from_raw_mode(status.stx_mode.into()) != FileType::RegularFile {
        let message = "not a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(FileId {
        device: (status.stx_dev_major, status.stx_dev_minor),
        inode: status.stx_ino,
        size: status.stx_size,
        modified: (status.stx_mtime.tv_sec, status.stx_mtime.tv_nsec),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::{ErrorKind, Seek as _, Write as _};

    use rustix::fs::{CWD, mknodat};

    use super::*;

    #[track_caller]
    fn refused(path: impl AsRef<Path>, kind: ErrorKind, words: &str) {
        let error = TargetFile::open(path.as_ref()).unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (kind, words.to_owned()));
    }

    #[test]
    fn only_regular_files_of_some_size_are_opened() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
        let large = directory.path().join("large");
        File::create(&large).unwrap().set_len(MAX_FILE + 1).unwrap();
        let irregular = "not a regular file";
        refused("/dev/zero", ErrorKind::InvalidInput, irregular);
        refused("/proc/self", ErrorKind::InvalidInput, irregular);
        refused(directory.path(), ErrorKind::InvalidInput, irregular);
        refused(&pipe, ErrorKind::InvalidInput, irregular);
        let words = "1073741825 bytes are more than 1073741824";
        refused(&large, ErrorKind::FileTooLarge, words);
    }

    #[test]
    fn no_link_leads_out_of_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("outside"), "outside").unwrap();
        std::fs::create_dir_all(path("root/etc")).unwrap();
        std::fs::write(path("root/etc/inside"), "inside").unwrap();
        let link = |to: &str, name: &str| {
            std::os::unix::fs::symlink(to, path("root").join(name)).unwrap();
        };
        link("../outside", "up");
        link(path("outside").to_str().unwrap(), "absolute");
        link("/etc/inside", "down");
        link("/proc/self/exe", "magic");
        mknodat(CWD, path("root/pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        let root = OwnedFd::from(File::open(path("root")).unwrap());
        let check = |name: &str, expected: Result<&str, ErrorKind>| {
            let read = TargetFile::open_below(&root, name).and_then(|file| file.read_at(0, 100));
            let read = read.map_err(|error| error.kind());
            assert_eq!(
                read,
                expected.map(|text| text.as_bytes().to_vec()),
                "{name}"
            );
        };
        check("/etc/inside", Ok("inside"));
        check("down", Ok("inside"));
        check("../../../etc/inside", Ok("inside"));
        check("up", Err(ErrorKind::NotFound));
        check("absolute", Err(ErrorKind::NotFound));
        check("magic", Err(ErrorKind::NotFound));
        check("pipe", Err(ErrorKind::InvalidInput));
    }

    /// Nothing is asked of its file system while it is only held.
    #[test]
    fn a_file_is_held_after_it_was_deleted_and_until_it_is_changed() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"one").unwrap();
        let held = TargetFile::open(file.path()).unwrap();
        let mut file = file.into_file();
        assert_eq!(held.read_at(1, 100).unwrap(), b"ne");
        assert!(held.check_unchanged().is_ok());
        assert_eq!(held.checksum().unwrap(), crc32fast::hash(b"one"));
        // Clocks of file systems have steps of some milliseconds.
        std::thread::sleep(std::time::Duration::from_millis(20));
        file.rewind().unwrap();
        file.write_all(b"two").unwrap();
        let words = "it was changed while it was in use";
        assert_eq!(held.check_unchanged().unwrap_err().to_string(), words);
        assert_eq!(held.read_skeleton().unwrap_err().to_string(), words);
    }
}
