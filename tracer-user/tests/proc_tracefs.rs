//! Mounting tracefs for oneself: the tracepoints are there, and nobody else sees the mount.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;

use rustix::thread::{Uid, set_thread_uid};
use tracer_user::failure::ExitStatus;
use tracer_user::proc::tracefs::{self, Detached};

/// The thread alone is moved to another mount namespace, as a whole process is that has no
/// other threads yet.
#[test]
fn a_private_mount_is_seen_by_nobody_else() {
    let before = fs::read("/proc/thread-self/mountinfo").unwrap();
    let elsewhere = std::thread::spawn(|| {
        let place = tracefs::ensure().unwrap();
        assert_eq!(tracefs::mounted().unwrap(), place);
        // A second time nothing is left to do.
        assert_eq!(tracefs::ensure().unwrap(), place);
        fs::read_to_string(place.join("events/syscalls/sys_enter_mmap/id")).unwrap()
    });
    let id = elsewhere.join().unwrap();
    assert!(id.trim().parse::<u32>().unwrap() > 0);
    assert_eq!(fs::read("/proc/thread-self/mountinfo").unwrap(), before);
}

#[test]
fn a_detached_mount_shows_the_same_and_is_mounted_nowhere() {
    let before = fs::read("/proc/thread-self/mountinfo").unwrap();
    let detached = Detached::open().unwrap();
    assert!(
        detached
            .path()
            .join("events/syscalls/sys_enter_mmap/id")
            .exists()
    );
    assert_eq!(fs::read("/proc/thread-self/mountinfo").unwrap(), before);
}

#[test]
fn without_rights_the_mount_command_is_said() {
    if tracefs::mounted().is_some() {
        return;
    }
    let elsewhere = std::thread::spawn(|| {
        set_thread_uid(Uid::from_raw(65534)).unwrap();
        tracefs::ensure().unwrap_err()
    });
    let failure = elsewhere.join().unwrap();
    assert_eq!(failure.status, ExitStatus::Unsupported);
    let expected = "tracefs is not mounted, and mounting it takes CAP_SYS_ADMIN";
    assert!(failure.error.starts_with(expected), "{failure:?}");
    assert!(
        failure
            .hint
            .ends_with("sudo mount -t tracefs tracefs /sys/kernel/tracing")
    );
}
