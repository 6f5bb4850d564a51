//! Which directory holds the memory numbers of a process.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use tracer_core::event::CgroupVersion;

use crate::proc::fields::lines;
use crate::proc::mounts::Mount;

/// A directory of a cgroup hierarchy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// Which hierarchy has the memory controller.
    pub version: CgroupVersion,
    /// Path below the mount point, starting with a slash.
    pub path: String,
    /// Where the hierarchy is mounted.
    pub(super) mount: PathBuf,
    /// The cgroup below it; empty for the root.
    pub(super) below: PathBuf,
}

impl Place {
    /// Directories from the cgroup itself up to the mount point.
    pub(super) fn upwards(&self) -> impl Iterator<Item = PathBuf> {
        self.below.ancestors().map(|below| self.mount.join(below))
    }
}

/// The place of the process with this `/proc/PID/cgroup`. Version 1 goes first: where it is
/// mounted with the memory controller, version 2 has none (a hybrid machine).
pub(super) fn parse(membership: &[u8], mounts: &[Mount]) -> Option<Place> {
    find(membership, mounts, CgroupVersion::V1, "memory")
        .or_else(|| find(membership, mounts, CgroupVersion::V2, ""))
}

/// Where a controller has the process; in version 2 they are together.
pub(super) fn find(
    membership: &[u8],
    mounts: &[Mount],
    version: CgroupVersion,
    controller: &str,
) -> Option<Place> {
    let within = lines(membership).find_map(|line| member(line, version, controller))?;
    let fits = |mount: &&Mount| match version {
        CgroupVersion::V1 => {
            mount.kind == "cgroup" && mount.options.iter().any(|o| o == controller)
        }
        CgroupVersion::V2 => mount.kind == "cgroup2",
    };
    // The shortest root shows the most ancestors, whose limits count as well.
    let (mount, below) = mounts
        .iter()
        .filter(fits)
        .filter_map(|mount| Some((mount, within.strip_prefix(&mount.root).ok()?)))
        .min_by_key(|(mount, _)| mount.root.as_os_str().len())?;
    // A path that leads up is of a cgroup outside our cgroup namespace.
    let visible = below
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    visible.then(|| Place {
        version,
        path: format!("/{}", below.to_string_lossy()),
        mount: mount.point.clone(),
        below: below.to_owned(),
    })
}

/// The path of a line `id:controllers:path` of that hierarchy.
fn member<'l>(line: &'l [u8], version: CgroupVersion, controller: &str) -> Option<&'l Path> {
    let mut fields = line.splitn(3, |byte| *byte == b':');
    let id = fields.next()?;
    let mut controllers = fields.next()?.split(|byte| *byte == b',');
    let ours = match version {
        CgroupVersion::V1 => controllers.any(|name| name == controller.as_bytes()),
        CgroupVersion::V2 => id == b"0",
    };
    ours.then_some(Path::new(OsStr::from_bytes(fields.next()?)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::proc::mounts;

    const HYBRID: &str = "\
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
";
    const UNIFIED: &str = "\
30 23 0:26 /user.slice /mnt/part rw - cgroup2 cgroup2 rw
31 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
";
    const CONTAINER: &str = "31 23 0:26 /docker/ab /sys/fs/cgroup rw - cgroup cgroup rw,memory\n";

    #[track_caller]
    fn check(membership: &str, mounts: &str, expected: Option<(CgroupVersion, &str, &str)>) {
        let found = parse(membership.as_bytes(), &mounts::parse(mounts.as_bytes()));
        let first = found.as_ref().and_then(|place| place.upwards().next());
        let found = found.as_ref().zip(first.as_ref());
        let found = found.map(|(place, first)| {
            (
                place.version,
                place.path.as_str(),
                first.to_str().unwrap_or_default().trim_end_matches('/'),
            )
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn hybrid_unified_and_contained() {
        let v1 = |path, directory| Some((CgroupVersion::V1, path, directory));
        let v2 = |path, directory| Some((CgroupVersion::V2, path, directory));
        check(
            "4:memory:/api/887\n0::/\n",
            HYBRID,
            v1("/api/887", "/sys/fs/cgroup/memory/api/887"),
        );
        check(
            "4:cpu,memory:/\n0::/x\n",
            HYBRID,
            v1("/", "/sys/fs/cgroup/memory"),
        );
        check(
            "0::/user.slice/a:b.scope\n",
            UNIFIED,
            v2(
                "/user.slice/a:b.scope",
                "/sys/fs/cgroup/user.slice/a:b.scope",
            ),
        );
        check(
            "1:name=systemd:/\n0::/x\n",
            HYBRID,
            v2("/x", "/sys/fs/cgroup/unified/x"),
        );
        check(
            "4:memory:/docker/ab\n",
            CONTAINER,
            v1("/", "/sys/fs/cgroup"),
        );
        check(
            "4:memory:/docker/ab/in\n",
            CONTAINER,
            v1("/in", "/sys/fs/cgroup/in"),
        );
    }

    #[test]
    fn what_our_mounts_do_not_show() {
        check("4:memory:/docker/other\n", CONTAINER, None);
        check("0::/../../kubepods/x\n", UNIFIED, None);
        check("0::/x\n", "", None);
        check("", UNIFIED, None);
        check("4:memory\n0\n:::\n", HYBRID, None);
    }

    #[test]
    fn the_way_up_ends_at_the_mount_point() {
        let found = parse(b"0::/a/b\n", &mounts::parse(UNIFIED.as_bytes()));
        let way: Vec<PathBuf> = found.iter().flat_map(Place::upwards).collect();
        let expected = ["/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup/"];
        assert_eq!(way, expected.map(PathBuf::from));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(membership: Vec<u8>) {
            parse(&membership, &mounts::parse(HYBRID.as_bytes()));
        }
    }
}
