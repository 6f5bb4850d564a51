//! The root directory of a process, as containers and `chroot` change it.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};

/// The directory that a process sees as `/`.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) directory: OwnedFd,
    /// What we call it; `/` where its mounts are not ours.
    path: String,
}

impl Root {
    /// That of a process.
    pub(super) fn of(pid: u32) -> io::Result<Self> {
        let link = format!("/proc/{pid}/root");
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(&link, flags, Mode::empty())?;
        let path = std::fs::read_link(link)?.to_string_lossy().into_owned();
        Ok(Self { directory, path })
    }

    /// What the process calls a file that the kernel tells us by this path.
    ///
    /// The kernel tells paths as they are for the one who asks, when that one can reach the file.
    pub(super) fn inside<'p>(&self, path: &'p str) -> &'p str {
        let below = path.strip_prefix(self.path.trim_end_matches('/'));
        below.filter(|below| below.starts_with('/')).unwrap_or(path)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[track_caller]
    fn check(root: &str, path: &str, expected: &str) {
        let root = Root {
            path: root.to_owned(),
            ..Root::of(std::process::id()).unwrap()
        };
        assert_eq!(root.inside(path), expected);
    }

    #[test]
    fn paths_of_a_process_with_another_root() {
        check("/", "/usr/lib/libc.so.6", "/usr/lib/libc.so.6");
        check(
            "/jail",
            "/jail/lib/libc.so.6 (deleted)",
            "/lib/libc.so.6 (deleted)",
        );
        check("/jail", "/jailer/lib", "/jailer/lib");
        check("/jail", "/usr/lib", "/usr/lib");
        check(
            "/jail",
            "/memfd:stage2 (deleted)",
            "/memfd:stage2 (deleted)",
        );
        check("/jail", "[vdso]", "[vdso]");
    }
}
