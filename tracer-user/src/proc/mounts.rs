//! `/proc/self/mountinfo`: what is mounted where, as this process sees it.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use super::fields::lines;
use super::read_capped;

/// 100 000 mounts (the default of `fs.mount-max`) at 160 bytes each.
const CAP: u64 = 16 << 20;

/// One mount.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mount {
    /// The directory of the file system that is seen at the mount point.
    pub root: PathBuf,
    /// Where it is mounted.
    pub point: PathBuf,
    /// For example `cgroup2`.
    pub kind: String,
    /// Options of the file system, for a cgroup hierarchy its controllers.
    pub options: Vec<String>,
}

/// The mounts this process sees.
///
/// # Errors
/// When `/proc` is not there or the file is larger than 16 MiB.
pub fn read() -> io::Result<Vec<Mount>> {
    Ok(parse(&read_capped("/proc/self/mountinfo", CAP)?))
}

/// The mounts of a text; lines that are none are skipped.
#[must_use]
pub fn parse(text: &[u8]) -> Vec<Mount> {
    lines(text).filter_map(mount).collect()
}

/// One line: `id parent device root point options [tags…] - kind source options`.
fn mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let root = path(fields.nth(3)?);
    let point = path(fields.next()?);
    let mut described = fields.skip_while(|field| *field != b"-").skip(1);
    let kind = String::from_utf8_lossy(described.next()?).into_owned();
    let options = described.nth(1)?.split(|byte| *byte == b',');
    let options = options
        .map(|option| String::from_utf8_lossy(option).into_owned())
        .collect();
    Some(Mount {
        root,
        point,
        kind,
        options,
    })
}

fn path(field: &[u8]) -> PathBuf {
    OsString::from_vec(unescape(field)).into()
}

/// Undoes the kernel's `\040` for space, tab, line end and backslash.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = match after {
            [
                high @ b'0'..=b'3',
                middle @ b'0'..=b'7',
                low @ b'0'..=b'7',
                after @ ..,
            ] if *first == b'\\' => (
                (high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'),
                after,
            ),
            after => (*first, after),
        };
        bytes.push(byte);
        rest = after;
    }
    bytes
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(line: &str, root: &str, point: &str, kind: &str, options: &[&str]) {
        let found = parse(line.as_bytes());
        let [mount] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(
            (mount.root.as_path(), mount.point.as_path()),
            (Path::new(root), Path::new(point))
        );
        assert_eq!(
            (mount.kind.as_str(), mount.options.as_slice()),
            (
                kind,
                &*options.iter().map(|o| (*o).to_owned()).collect::<Vec<_>>()
            )
        );
    }

    #[test]
    fn lines_with_and_without_tags() {
        check(
            "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n",
            "/",
            "/sys/fs/cgroup/memory",
            "cgroup",
            &["rw", "memory"],
        );
        check(
            "30 23 0:26 /docker/ab /sys/fs/cgroup ro,nosuid shared:9 master:1 - cgroup2 cgroup rw,nsdelegate\n",
            "/docker/ab",
            "/sys/fs/cgroup",
            "cgroup2",
            &["rw", "nsdelegate"],
        );
        check(
            r"36 1 8:1 / /a\040b\134c\011 rw - ext4 /dev/x rw",
            "/",
            "/a b\\c\t",
            "ext4",
            &["rw"],
        );
        check(
            r"36 1 8:1 / /a\777\04 rw - ext4 /dev/x rw",
            "/",
            r"/a\777\04",
            "ext4",
            &["rw"],
        );
    }

    #[test]
    fn lines_that_are_no_mounts_are_skipped() {
        assert_eq!(
            parse(b"\n36 1 8:1 / /x rw shared:1\n36 1 8:1 / /x rw - ext4\n"),
            []
        );
    }

    #[test]
    fn we_see_proc() {
        let mounts = read().unwrap();
        assert!(
            mounts
                .iter()
                .any(|mount| mount.kind == "proc" && mount.point == Path::new("/proc"))
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic(text: Vec<u8>) {
            let _ = parse(&text);
        }
    }
}
