//! What init has to do before programs can run as usual.

use std::fs;

use anyhow::{Context as _, Result};
use rustix::mount::{MountFlags, mount};
use rustix::net::{AddressFamily, SendFlags, SocketType, send, socket};

/// Kind of file system, and where it goes.
const MOUNTS: &[(&str, &str)] = &[
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("cgroup2", "/sys/fs/cgroup"),
];

/// Mounts what every system has, and brings the loopback interface up.
pub(super) fn prepare() -> Result<()> {
    for (kind, place) in MOUNTS {
        fs::create_dir_all(place)?;
        mount(*kind, *place, *kind, MountFlags::empty(), None)
            .with_context(|| format!("mount {place}"))?;
    }
    fs::create_dir_all("/tmp")?;
    bring_loopback_up().context("bring the loopback interface up")
}

/// `ip link set lo up`, as one message to the kernel.
fn bring_loopback_up() -> Result<()> {
    const LENGTH: u32 = 32;
    const RTM_NEWLINK: u16 = 16;
    const NLM_F_REQUEST: u16 = 1;
    const LOOPBACK_INDEX: u32 = 1;
    const IFF_UP: u32 = 1;

    // `struct nlmsghdr`: length, type, flags, sequence, port.
    let mut message = Vec::new();
    message.extend(LENGTH.to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend(NLM_F_REQUEST.to_ne_bytes());
    message.extend([0; 8]);
    // `struct ifinfomsg`: family and device type, index, flags, which flags to change.
    message.extend([0; 4]);
    message.extend(LOOPBACK_INDEX.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());

    // No protocol means the first: routes and links.
    let kernel = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    send(&kernel, &message, SendFlags::empty())?;
    Ok(())
}
