//! The memory controller of cgroup version 2.

use std::path::Path;

use tracer_core::event::{CgroupSample, CgroupVersion};

use super::{Place, SHORT, read_capped};
use crate::proc::fields::{number, value_of};

/// The files of one cgroup; `None` was not there, as without controller or at the root.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Files {
    current: Option<Vec<u8>>,
    max: Option<Vec<u8>>,
    high: Option<Vec<u8>>,
    stat: Option<Vec<u8>>,
    events: Option<Vec<u8>>,
}

pub(super) fn read(place: &Place) -> Option<CgroupSample> {
    let levels: Vec<Files> = place
        .upwards()
        .map(|directory| read_level(&directory))
        .collect();
    parse(&levels, place.path.clone())
}

fn read_level(directory: &Path) -> Files {
    let file = |name| read_capped(directory.join(name), SHORT).ok();
    Files {
        current: file("memory.current"),
        max: file("memory.max"),
        high: file("memory.high"),
        stat: file("memory.stat"),
        events: file("memory.events"),
    }
}

/// The numbers of the first level that has any: without a controller of its own, a cgroup is
/// charged to the next one above. Limits are the smallest of all levels.
fn parse(levels: &[Files], path: String) -> Option<CgroupSample> {
    let charged = levels.iter().find(|level| level.stat.is_some())?;
    let stat = |name| value_of(charged.stat.as_deref()?, name);
    // "max" is no number, and no limit.
    let smallest = |file: fn(&Files) -> Option<&Vec<u8>>| {
        levels.iter().filter_map(|level| number(file(level)?)).min()
    };
    Some(CgroupSample {
        version: CgroupVersion::V2,
        path,
        usage: charged.current.as_deref().and_then(number),
        limit: smallest(|level| level.max.as_ref()),
        high: smallest(|level| level.high.as_ref()),
        anon: stat("anon"),
        file: stat("file"),
        sock: stat("sock"),
        oom_kills: charged
            .events
            .as_deref()
            .and_then(|text| value_of(text, "oom_kill")),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn level(current: &str, max: &str, high: &str, stat: &str, events: &str) -> Files {
        let bytes = |text: &str| (!text.is_empty()).then(|| text.as_bytes().to_vec());
        Files {
            current: bytes(current),
            max: bytes(max),
            high: bytes(high),
            stat: bytes(stat),
            events: bytes(events),
        }
    }

    fn pod() -> Files {
        let stat = "anon 4096\nfile 8192\nkernel 1\nkernel_stack 2\nsock 12288\nanon_thp 9\n";
        let events = "low 0\nhigh 3\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n";
        level("65536\n", "1048576\n", "max\n", stat, events)
    }

    #[track_caller]
    fn check(levels: &[Files], expected: Option<[Option<u64>; 7]>) {
        let found = parse(levels, "/x".to_owned());
        let found = found.map(|s| {
            [
                s.usage,
                s.limit,
                s.high,
                s.anon,
                s.file,
                s.sock,
                s.oom_kills,
            ]
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn limits_come_from_all_levels_numbers_from_the_charged_one() {
        let root = level("", "", "", "anon 99\n", "");
        let slice = level(
            "131072\n",
            "524288\n",
            "262144\n",
            "anon 77\n",
            "oom_kill 9\n",
        );
        let own = [
            Some(65536),
            Some(1 << 20),
            None,
            Some(4096),
            Some(8192),
            Some(12288),
            Some(1),
        ];
        check(&[pod(), root.clone()], Some(own));
        let [usage, _, _, rest @ ..] = own;
        let [anon, file, sock, kills] = rest;
        check(
            &[pod(), slice.clone(), root.clone()],
            Some([usage, Some(524_288), Some(262_144), anon, file, sock, kills]),
        );
        // A level without controller, then the root alone.
        check(
            &[Files::default(), slice, root.clone()],
            Some([
                Some(131_072),
                Some(524_288),
                Some(262_144),
                Some(77),
                None,
                None,
                Some(9),
            ]),
        );
        check(
            &[root],
            Some([None, None, None, Some(99), None, None, None]),
        );
        check(&[Files::default()], None);
        check(&[], None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(text: Vec<u8>) {
            let some = Some(text);
            let all = Files { current: some.clone(), max: some.clone(), high: some.clone(), stat: some.clone(), events: some };
            parse(&[all], String::new());
        }
    }
}
