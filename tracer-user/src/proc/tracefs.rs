//! tracefs: where the kernel numbers its tracepoints.
//!
//! Where it is not mounted, it is mounted for this process alone: a mount for all would stay.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::statfs;
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, fsconfig_create,
    fsmount, fsopen, mount, mount_change,
};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::capability::{Effective, how_to_grant};
use crate::failure::Failure;

/// The usual place, and the one of old systems. Looking at the latter mounts it, where the
/// kernel still does that by itself.
const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// `TRACEFS_MAGIC` of the kernel's `include/uapi/linux/magic.h`.
const MAGIC: u64 = 0x7472_6163;

/// Where tracefs is mounted.
#[must_use]
pub fn mounted() -> Option<PathBuf> {
    PLACES
        .iter()
        .map(PathBuf::from)
        .find(|place| is_tracefs(place))
}

fn is_tracefs(place: &Path) -> bool {
    statfs(place).is_ok_and(|found| found.f_type as u64 == MAGIC)
}

/// Where tracefs is mounted, after mounting it for this process alone if it was nowhere.
///
/// The caller must not have started threads yet: those keep the mounts they were born with.
///
/// # Errors
/// When it has to be mounted and cannot be: no tracefs in the kernel, or no `CAP_SYS_ADMIN`; and
/// when it is there and may not be read.
pub fn ensure() -> Result<PathBuf, Failure> {
    if let Some(place) = mounted() {
        return may_read(&place).map(|()| place);
    }
    let place = PathBuf::from(PLACES[0]);
    mount_privately(&place)
        .map_err(|errno| refused(errno, Effective::read().is_ok_and(Effective::is_admin)))?;
    Ok(place)
}

/// Only root may look into it, unless it was mounted in another way.
fn may_read(place: &Path) -> Result<(), Failure> {
    match std::fs::metadata(place.join("events")) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(unreadable(place)),
        _ => Ok(()),
    }
}

fn unreadable(place: &Path) -> Failure {
    Failure::unsupported(
        format!(
            "reading tracefs ({}) takes CAP_DAC_READ_SEARCH",
            place.display()
        ),
        how_to_grant(),
    )
}

fn mount_privately(place: &Path) -> Result<(), Errno> {
    // SAFETY: a new mount namespace leaves the table of open files shared as it was.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }?;
    // Downstream: our mount shows nowhere else, but a file system that is unmounted outside goes
    // away here as well, instead of being kept busy by us.
    let downstream = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    match mount_change("/", downstream) {
        // In a chroot the root is no mount point, but sysfs is one.
        Err(Errno::INVAL) => mount_change("/sys", downstream)?,
        other => other?,
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("tracefs", place, "tracefs", flags, None)
}

/// `may_mount`: the right to is there.
fn refused(errno: Errno, may_mount: bool) -> Failure {
    let place = PLACES[0];
    match errno {
        Errno::PERM | Errno::ACCESS if may_mount => Failure::unsupported(
            format!("tracefs is not mounted, and mounting it is forbidden ({errno})"),
            format!(
                "a seccomp filter or security module forbids it: mount it outside of the container, \
                 sudo mount -t tracefs tracefs {place}"
            ),
        ),
        Errno::PERM | Errno::ACCESS => Failure::unsupported(
            format!("tracefs is not mounted, and mounting it takes CAP_SYS_ADMIN ({errno})"),
            format!("run it with sudo, or mount it once: sudo mount -t tracefs tracefs {place}"),
        ),
        Errno::NODEV | Errno::NOENT => Failure::unsupported(
            format!("this kernel has no tracefs ({errno})"),
            "use a kernel built with CONFIG_FTRACE and CONFIG_FTRACE_SYSCALLS",
        ),
        _ => Failure::unsupported(
            format!("tracefs cannot be mounted on {place}: {errno}"),
            format!("mount it by hand: sudo mount -t tracefs tracefs {place}"),
        ),
    }
}

/// tracefs as an open directory that is mounted nowhere: a look that changes nothing.
#[derive(Debug)]
pub struct Detached(OwnedFd);

impl Detached {
    /// Makes the mount (Linux 5.2, `CAP_SYS_ADMIN`); it goes with this value.
    ///
    /// # Errors
    /// `ENODEV` when the kernel has no tracefs, `EPERM` without the right.
    pub fn open() -> io::Result<Self> {
        let context = fsopen("tracefs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_create(&context)?;
        let flags = FsMountFlags::FSMOUNT_CLOEXEC;
        Ok(Self(fsmount(
            &context,
            flags,
            MountAttrFlags::MOUNT_ATTR_NOEXEC,
        )?))
    }

    /// A path that leads there as long as this value lives.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(errno: Errno, error: &str, hint: &str) {
        let found = refused(errno, false);
        assert_eq!((found.error.as_str(), found.hint.as_str()), (error, hint));
    }

    #[test]
    fn what_is_missing_is_named() {
        check(
            Errno::PERM,
            "tracefs is not mounted, and mounting it takes CAP_SYS_ADMIN (Operation not permitted (os error 1))",
            "run it with sudo, or mount it once: sudo mount -t tracefs tracefs /sys/kernel/tracing",
        );
        check(
            Errno::NODEV,
            "this kernel has no tracefs (No such device (os error 19))",
            "use a kernel built with CONFIG_FTRACE and CONFIG_FTRACE_SYSCALLS",
        );
        check(
            Errno::BUSY,
            "tracefs cannot be mounted on /sys/kernel/tracing: Device or resource busy (os error 16)",
            "mount it by hand: sudo mount -t tracefs tracefs /sys/kernel/tracing",
        );
    }

    #[test]
    fn other_file_systems_are_not_taken_for_it() {
        assert!(!is_tracefs(Path::new("/proc")));
        assert!(!is_tracefs(Path::new("/nowhere")));
    }
}
