//! The memory cgroup of a process, in either hierarchy.
//!
//! ```text
//! /proc/PID/cgroup + /proc/self/mountinfo ─▶ Place ─▶ memory.* files ─▶ CgroupSample
//! ```

use std::io;

use tracer_core::event::{CgroupSample, CgroupVersion};

use super::{SHORT, mounts, read_capped};

mod place;
mod v1;
mod v2;

pub use place::Place;

/// The memory cgroup of a process now.
///
/// # Errors
/// As [`find`] and [`Place::sample`].
pub fn read(pid: u32) -> io::Result<CgroupSample> {
    find(pid)?.sample()
}

/// Where the memory cgroup of a process is. It seldom moves: find once, sample often.
///
/// # Errors
/// `NotFound` when no memory controller is mounted, or its mount does not show this process
/// because we are in a cgroup namespace of our own.
pub fn find(pid: u32) -> io::Result<Place> {
    let membership = read_capped(format!("/proc/{pid}/cgroup"), SHORT)?;
    place::parse(&membership, &mounts::read()?).ok_or_else(|| {
        let message = format!("no mounted memory cgroup shows process {pid}");
        io::Error::new(io::ErrorKind::NotFound, message)
    })
}

/// Whether the freezer of version 1 has stopped a process; that of version 2 is told by where its
/// threads wait.
#[must_use]
pub fn is_frozen(pid: u32) -> bool {
    let Ok(membership) = read_capped(format!("/proc/{pid}/cgroup"), SHORT) else {
        return false;
    };
    let mounts = mounts::read().unwrap_or_default();
    let place = place::find(&membership, &mounts, CgroupVersion::V1, "freezer");
    let directory = place.and_then(|place| place.upwards().next());
    let state = directory.and_then(|path| read_capped(path.join("freezer.state"), SHORT).ok());
    state.is_some_and(|state| state.trim_ascii() == b"FROZEN")
}

impl Place {
    /// Limits and usage now.
    ///
    /// # Errors
    /// `NotFound` when the cgroup was removed or its memory controller is off everywhere.
    pub fn sample(&self) -> io::Result<CgroupSample> {
        let sample = match self.version {
            CgroupVersion::V1 => v1::read(self),
            CgroupVersion::V2 => v2::read(self),
        };
        sample.ok_or_else(|| {
            let message = format!("cgroup {} has no memory controller", self.path);
            io::Error::new(io::ErrorKind::NotFound, message)
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn our_own_cgroup_is_charged_for_us() {
        let sample = read(std::process::id()).unwrap();
        assert!(sample.path.starts_with('/'));
        assert!(sample.usage.is_none_or(|usage| usage > 0));
        assert!(sample.anon.unwrap() > 0);
    }

    #[test]
    fn a_process_that_is_not_there() {
        assert!(super::super::is_gone(&read(4_194_305).unwrap_err()));
    }
}
