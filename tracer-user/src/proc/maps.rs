//! `/proc/PID/maps`: every mapping of a process, in address order.

use std::io;

use tracer_core::event::{Backing, Mapping};

use super::fields::{hexadecimal, lines, number};
use super::read_capped;

/// 262 144 mappings (four times the default `vm.max_map_count`) with paths of 128 bytes fit.
const CAP: u64 = 64 << 20;

/// All mappings of a process.
///
/// # Errors
/// When the file cannot be read, or is larger than 64 MiB.
pub fn read(pid: u32) -> io::Result<Vec<Mapping>> {
    Ok(parse(&read_capped(format!("/proc/{pid}/maps"), CAP)?))
}

/// The mappings of a text; lines that are none are skipped.
#[must_use]
pub fn parse(text: &[u8]) -> Vec<Mapping> {
    let mut mappings = Vec::new();
    for mapping in lines(text).filter_map(mapping) {
        leave_out_outgrown(&mut mappings, &mapping, |before| before);
        mappings.push(mapping);
    }
    mappings
}

/// Removes what `next` has outgrown from a list in the order of addresses.
///
/// The kernel tells a list piece by piece, and goes on behind the last mapping told: one that has grown
/// since, as the heap of a busy program does, is told once more, as it is then.
pub(crate) fn leave_out_outgrown<T>(
    listed: &mut Vec<T>,
    next: &Mapping,
    mapping_of: impl Fn(&T) -> &Mapping,
) {
    while listed
        .pop_if(|last| mapping_of(last).start >= next.start)
        .is_some()
    {}
}

/// One line: `start-end perms offset device inode      path`.
pub(crate) fn mapping(line: &[u8]) -> Option<Mapping> {
    let mut fields = line.splitn(6, |byte| *byte == b' ');
    let range = fields.next()?;
    let dash = range.iter().position(|byte| *byte == b'-')?;
    let start = hexadecimal(range.get(..dash)?)?;
    let end = hexadecimal(range.get(dash + 1..)?)?;
    let permissions = fields.next()?;
    let offset = hexadecimal(fields.next()?)?;
    let _device = fields.next()?;
    let inode = number(fields.next()?)?;
    let path = fields.next().unwrap_or_default().trim_ascii_start();
    (start < end && permissions.len() == 4).then(|| Mapping {
        start,
        end,
        prot: protection(permissions),
        shared: permissions.ends_with(b"s"),
        backing: backing(path, offset, inode),
    })
}

fn protection(permissions: &[u8]) -> u32 {
    let bits = [(b'r', 1), (b'w', 2), (b'x', 4)];
    bits.iter()
        .zip(permissions)
        .filter(|((letter, _), given)| letter == *given)
        .map(|((_, bit), _)| bit)
        .sum()
}

fn backing(path: &[u8], offset: u64, inode: u64) -> Backing {
    // The kernel's own names, `[heap]` or `[anon: Go: heap]`, come without inode; some file
    // systems number no inodes, but their paths start with a slash.
    if inode == 0 && !path.starts_with(b"/") {
        let name = String::from_utf8_lossy(path).into_owned();
        return Backing::Anonymous { name };
    }
    let path = unescape_newlines(path);
    Backing::File {
        path,
        offset,
        inode,
    }
}

/// Undoes the only escape of this file: a line end in a path is written `\012`, while a
/// backslash stands for itself (`show_map_vma` in the kernel's `fs/proc/task_mmu.c`).
fn unescape_newlines(path: &[u8]) -> String {
    String::from_utf8_lossy(path).replace("\\012", "\n")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(line: &str, range: (u64, u64), prot: u32, shared: bool, backing: Backing) {
        let (start, end) = range;
        let expected = Mapping {
            start,
            end,
            prot,
            shared,
            backing,
        };
        assert_eq!(parse(line.as_bytes()), [expected]);
    }

    fn anonymous(name: &str) -> Backing {
        Backing::Anonymous {
            name: name.to_owned(),
        }
    }

    fn file(path: &str, offset: u64, inode: u64) -> Backing {
        Backing::File {
            path: path.to_owned(),
            offset,
            inode,
        }
    }

    #[test]
    fn anonymous_memory_and_its_names() {
        let go = (0xc0_0000_0000, 0xc0_0040_0000);
        check(
            "c000000000-c000400000 rw-p 00000000 00:00 0 \n",
            go,
            3,
            false,
            anonymous(""),
        );
        check(
            "c000000000-c000400000 rw-p 00000000 00:00 0",
            go,
            3,
            false,
            anonymous(""),
        );
        check(
            "c000000000-c000400000 rw-p 00000000 00:00 0                              [anon: Go: heap]\n",
            go,
            3,
            false,
            anonymous("[anon: Go: heap]"),
        );
        check(
            "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
            (0xffff_ffff_ff60_0000, 0xffff_ffff_ff60_1000),
            4,
            false,
            anonymous("[vsyscall]"),
        );
    }

    #[test]
    fn files_and_what_looks_like_them() {
        let range = (0x40_0000, 0x40_1000);
        check(
            "00400000-00401000 r-xp 00002000 fe:00 247278                     /usr/bin/head",
            range,
            5,
            false,
            file("/usr/bin/head", 0x2000, 247_278),
        );
        check(
            "00400000-00401000 rw-s 00000000 00:01 2051  /dev/zero (deleted)",
            range,
            3,
            true,
            file("/dev/zero (deleted)", 0, 2051),
        );
        check(
            "00400000-00401000 ---p 00000000 00:15 0     /no/inode numbers",
            range,
            0,
            false,
            file("/no/inode numbers", 0, 0),
        );
        check(
            "00400000-00401000 rw-s 00001000 00:0e 1057  anon_inode:[perf_event]",
            range,
            3,
            true,
            file("anon_inode:[perf_event]", 0x1000, 1057),
        );
        check(
            r"00400000-00401000 r--p 00000000 fe:00 9     /a\012b\134c",
            range,
            1,
            false,
            file("/a\nb\\134c", 0, 9),
        );
    }

    #[test]
    fn bytes_that_are_no_utf8_become_replacement_characters() {
        let found = parse(b"1000-2000 r--p 00000000 fe:00 9     /\xff\xfe");
        assert_eq!(found[0].backing, file("/\u{fffd}\u{fffd}", 0, 9));
    }

    #[test]
    fn lines_that_are_no_mappings_are_skipped() {
        for line in [
            "",
            "Rss: 8 kB",
            "2000-1000 r--p 0 0:0 0",
            "1000-2000 r-- 0 0:0 0",
            "1000-2000 r--p 0 0:0",
        ] {
            assert_eq!(parse(line.as_bytes()), [], "{line}");
        }
    }

    #[test]
    fn the_default_limit_of_mappings_is_no_problem() {
        let line = |index: u64| {
            let start = 0x7f00_0000_0000 + index * 0x2000;
            format!("{start:x}-{:x} rw-p 00000000 00:00 0 \n", start + 0x1000)
        };
        let text: Vec<String> = (0..65_530).map(line).collect();
        assert_eq!(parse(text.concat().as_bytes()).len(), 65_530);
    }

    #[test]
    fn our_own_mappings_hold_this_function_and_the_stack() {
        let found = read(std::process::id()).unwrap();
        let code = read as *const () as u64;
        let here = found
            .iter()
            .find(|map| (map.start..map.end).contains(&code))
            .unwrap();
        assert_eq!(here.prot, 5);
        assert!(matches!(&here.backing, Backing::File { path, .. } if path.starts_with('/')));
        assert!(found.iter().any(|map| map.backing == anonymous("[stack]")));
        assert!(found.is_sorted_by(|a, b| a.end <= b.start));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(text: Vec<u8>) {
            let _ = parse(&text);
        }

        #[test]
        fn no_near_miss_panics(text in "[0-9a-f]{1,20}-[0-9a-f]{1,20} [rwxps-]{3,5} [0-9a-f]{1,20} 00:00 [0-9]{1,25} ?.*") {
            let _ = parse(text.as_bytes());
        }
    }
}
