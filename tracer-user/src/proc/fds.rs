//! `/proc/PID/fd`: every open descriptor of a process.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, RawDir};
use rustix::io::Errno;
use tracer_core::event::{Descriptor, DescriptorKind};

use super::fields::number;

/// Most descriptors that are listed: the default of `fs.nr_open`, which bounds `ulimit -n`.
const CAP: usize = 1 << 20;

/// Longer links are cut, which only files have.
const LINK: usize = 4096;

/// All open descriptors in order of their numbers; one that closes meanwhile is left out.
///
/// # Errors
/// When the directory may not be read or the process is gone.
pub fn read(pid: u32) -> io::Result<Vec<Descriptor>> {
    let path = format!("/proc/{pid}/fd");
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(Path::new(&path), flags, Mode::empty())?;
    let numbers = numbers(&directory)?;
    if numbers.len() == CAP {
        tracing::warn!("process {pid} has more than {CAP} open descriptors: the rest is not seen");
    }
    let mut link = vec![0; LINK];
    let mut found = Vec::new();
    for fd in numbers {
        match rustix::fs::readlinkat_raw(&directory, fd.to_string(), &mut link[..]) {
            Ok(length) => found.push(Descriptor {
                fd,
                kind: parse(&link[..length]),
            }),
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

fn numbers(directory: impl AsFd) -> io::Result<Vec<i32>> {
    let mut buffer = Vec::with_capacity(64 << 10);
    let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
    let mut numbers = Vec::new();
    while let Some(entry) = entries.next() {
        let fd = number(entry?.file_name().to_bytes()).and_then(|fd| i32::try_from(fd).ok());
        numbers.extend(fd);
        if numbers.len() == CAP {
            break;
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// What a link of the directory says its descriptor is. A FIFO with a path cannot be told from
/// a file by its link, and asking its file system may hang: it counts as a file.
#[must_use]
pub fn parse(link: &[u8]) -> DescriptorKind {
    // Only the kernel writes links without a slash in front.
    if let Some(inode) = inode(link, b"socket:[") {
        return DescriptorKind::Socket { inode };
    }
    if inode(link, b"pipe:[").is_some() {
        return DescriptorKind::Pipe;
    }
    let Some(name) = link.strip_prefix(b"anon_inode:") else {
        return DescriptorKind::File;
    };
    let bare = name
        .strip_prefix(b"[")
        .and_then(|name| name.strip_suffix(b"]"));
    DescriptorKind::Anonymous(String::from_utf8_lossy(bare.unwrap_or(name)).into_owned())
}

fn inode(link: &[u8], prefix: &[u8]) -> Option<u64> {
    number(link.strip_prefix(prefix)?.strip_suffix(b"]")?)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsRawFd as _;

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(link: &str, expected: &DescriptorKind) {
        assert_eq!(parse(link.as_bytes()), *expected);
    }

    #[test]
    fn links() {
        let anonymous = |name: &str| DescriptorKind::Anonymous(name.to_owned());
        check("socket:[14259]", &DescriptorKind::Socket { inode: 14259 });
        check("pipe:[14259]", &DescriptorKind::Pipe);
        check("anon_inode:[eventpoll]", &anonymous("eventpoll"));
        check("anon_inode:inotify", &anonymous("inotify"));
        check("anon_inode:[pidfd]", &anonymous("pidfd"));
        check("/dev/null", &DescriptorKind::File);
        check("/memfd:cache (deleted)", &DescriptorKind::File);
        check("/srv/socket:[1]", &DescriptorKind::File);
        check("socket:[x]", &DescriptorKind::File);
        check("net:[4026531840]", &DescriptorKind::File);
        check("", &DescriptorKind::File);
    }

    #[test]
    fn our_own_socket_is_among_our_descriptors() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let found = read(std::process::id()).unwrap();
        let ours = found
            .iter()
            .find(|open| open.fd == listener.as_raw_fd())
            .unwrap();
        assert!(matches!(ours.kind, DescriptorKind::Socket { inode } if inode > 0));
        assert!(found.is_sorted_by(|a, b| a.fd < b.fd));
    }

    #[test]
    fn closing_meanwhile_is_no_error() {
        std::thread::scope(|scope| {
            let churn = scope.spawn(|| {
                for _ in 0..2000 {
                    drop(std::fs::File::open("/dev/null").unwrap());
                }
            });
            while !churn.is_finished() {
                read(std::process::id()).unwrap();
            }
        });
    }

    proptest! {
        #[test]
        fn no_bytes_panic(link: Vec<u8>) {
            let _ = parse(&link);
        }
    }
}
