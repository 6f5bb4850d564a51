//! The memory controller of cgroup version 1.

use tracer_core::event::{CgroupSample, CgroupVersion};

use super::{Place, SHORT, read_capped};
use crate::proc::fields::{number, value_of};

/// Limits from here on are no limits: the kernel rounds `i64::MAX` down to whole pages, which
/// are at most 64 KiB.
const UNLIMITED: u64 = 0x7fff_ffff_ffff_0000;

/// The files of one cgroup; `None` was not readable.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Files {
    usage: Option<Vec<u8>>,
    limit: Option<Vec<u8>>,
    stat: Option<Vec<u8>>,
    oom_control: Option<Vec<u8>>,
}

pub(super) fn read(place: &Place) -> Option<CgroupSample> {
    let directory = place.upwards().next()?;
    let file = |name| read_capped(directory.join(name), SHORT).ok();
    let files = Files {
        usage: file("memory.usage_in_bytes"),
        limit: file("memory.limit_in_bytes"),
        stat: file("memory.stat"),
        oom_control: file("memory.oom_control"),
    };
    files
        .usage
        .is_some()
        .then(|| parse(&files, place.path.clone()))
}

fn parse(files: &Files, path: String) -> CgroupSample {
    let stat = |name| value_of(files.stat.as_deref()?, name);
    // The kernel computes the smallest limit up to the root itself, and knows those above a
    // container's mount, which we cannot read.
    let limits = [
        files.limit.as_deref().and_then(number),
        stat("hierarchical_memory_limit"),
    ];
    CgroupSample {
        version: CgroupVersion::V1,
        path,
        usage: files.usage.as_deref().and_then(number),
        limit: limits
            .into_iter()
            .flatten()
            .filter(|limit| *limit < UNLIMITED)
            .min(),
        high: None,
        // Usage is of the whole subtree, and so are the totals.
        anon: stat("total_rss"),
        file: stat("total_cache"),
        // `memory.kmem.tcp.usage_in_bytes` counts only where a limit for it is set, and reads 0
        // elsewhere: that is not measured.
        sock: None,
        oom_kills: files
            .oom_control
            .as_deref()
            .and_then(|text| value_of(text, "oom_kill")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STAT: &str = "\
cache 9273344
rss 5693440
hierarchical_memory_limit 536870912
hierarchical_memsw_limit 9223372036854771712
total_cache 33636352
total_rss 12963840
";

    fn files(usage: &str, limit: &str, stat: &str, oom_control: &str) -> Files {
        let bytes = |text: &str| (!text.is_empty()).then(|| text.as_bytes().to_vec());
        Files {
            usage: bytes(usage),
            limit: bytes(limit),
            stat: bytes(stat),
            oom_control: bytes(oom_control),
        }
    }

    #[track_caller]
    fn check(
        files: &Files,
        usage: Option<u64>,
        limit: Option<u64>,
        anon: Option<u64>,
        file: Option<u64>,
        oom_kills: Option<u64>,
    ) {
        let expected = CgroupSample {
            version: CgroupVersion::V1,
            path: "/x".to_owned(),
            usage,
            limit,
            high: None,
            anon,
            file,
            sock: None,
            oom_kills,
        };
        assert_eq!(parse(files, "/x".to_owned()), expected);
    }

    #[test]
    fn the_smallest_limit_counts_and_the_unlimited_is_none() {
        let oom = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n";
        let unlimited = "9223372036854771712\n";
        let (anon, file) = (Some(12_963_840), Some(33_636_352));
        check(
            &files("42000000\n", unlimited, STAT, oom),
            Some(42_000_000),
            Some(512 << 20),
            anon,
            file,
            Some(3),
        );
        check(
            &files("42000000\n", "1048576\n", STAT, oom),
            Some(42_000_000),
            Some(1 << 20),
            anon,
            file,
            Some(3),
        );
        let free = "hierarchical_memory_limit 9223372036854771712\n";
        check(
            &files("7\n", unlimited, free, ""),
            Some(7),
            None,
            None,
            None,
            None,
        );
        // 64 KiB pages.
        check(
            &files("7\n", "9223372036854710272\n", "", ""),
            Some(7),
            None,
            None,
            None,
            None,
        );
        check(
            &files("7\n", "-1\n", "total_rss\n", "oom_kill\n"),
            Some(7),
            None,
            None,
            None,
            None,
        );
    }

    #[test]
    fn before_4_13_kills_are_not_counted() {
        check(
            &files("7\n", "8\n", "", "oom_kill_disable 0\nunder_oom 0\n"),
            Some(7),
            Some(8),
            None,
            None,
            None,
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic(text: Vec<u8>) {
            let some = Some(text);
            parse(&Files { usage: some.clone(), limit: some.clone(), stat: some.clone(), oom_control: some }, String::new());
        }
    }
}
