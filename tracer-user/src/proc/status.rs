//! `/proc/PID/status`: identity, capabilities and cheap memory counters.

use std::io;

use super::fields::{hexadecimal, kilobytes, lines, named, number, words};
use super::{SHORT, read_capped};

/// Deepest nesting of pid namespaces (`MAX_PID_NS_LEVEL` of the kernel), the first included.
const NAMESPACES: usize = 33;

/// What is needed of `/proc/PID/status`; a line the kernel does not write is `None`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Status {
    /// The process a thread belongs to; the pid itself for a process.
    pub tgid: Option<u32>,
    /// Effective user id.
    pub uid: Option<u32>,
    /// Its pid in each namespace, ours first, its own last.
    pub namespace_pids: Vec<u32>,
    /// Bits of the effective capabilities.
    pub capabilities: Option<u64>,
    /// 2: a seccomp filter decides which system calls it may make.
    pub seccomp: Option<u32>,
    /// Resident set size in bytes; a process that has exited has none.
    pub rss: Option<u64>,
    /// Its anonymous part.
    pub rss_anonymous: Option<u64>,
    /// Its pages of files.
    pub rss_file: Option<u64>,
    /// Its shared memory.
    pub rss_shared: Option<u64>,
    /// Bytes swapped out.
    pub swap: Option<u64>,
}

/// Status of a process.
///
/// # Errors
/// When the file cannot be read.
pub fn read(pid: u32) -> io::Result<Status> {
    Ok(parse(&read_capped(format!("/proc/{pid}/status"), SHORT)?))
}

/// Status of the calling thread: rights are held thread by thread.
///
/// # Errors
/// When `/proc` is not there.
pub fn read_own() -> io::Result<Status> {
    Ok(parse(&read_capped("/proc/thread-self/status", SHORT)?))
}

/// The lines that are known; the others are skipped.
#[must_use]
pub fn parse(text: &[u8]) -> Status {
    let mut status = Status::default();
    for (name, value) in lines(text).filter_map(named) {
        match name {
            b"Tgid" => status.tgid = id(value),
            // Real, effective, saved, file system.
            b"Uid" => status.uid = words(value).nth(1).and_then(id),
            b"NSpid" => {
                status.namespace_pids = words(value).filter_map(id).take(NAMESPACES).collect();
            }
            b"CapEff" => status.capabilities = hexadecimal(value),
            b"Seccomp" => status.seccomp = id(value),
            b"VmRSS" => status.rss = kilobytes(value),
            b"RssAnon" => status.rss_anonymous = kilobytes(value),
            b"RssFile" => status.rss_file = kilobytes(value),
            b"RssShmem" => status.rss_shared = kilobytes(value),
            b"VmSwap" => status.swap = kilobytes(value),
            _ => {}
        }
    }
    status
}

fn id(value: &[u8]) -> Option<u32> {
    number(value)?.try_into().ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const IN_A_CONTAINER: &str = "\
Name:\tshop\\nTgid: 1
State:\tS (sleeping)
Tgid:\t7580
Ngid:\t0
Pid:\t7580
PPid:\t7573
Uid:\t1000\t1001\t1000\t1000
Gid:\t0\t0\t0\t0
NSpid:\t7580\t12\t1
VmRSS:\t    1640 kB
RssAnon:\t     112 kB
RssFile:\t    1520 kB
RssShmem:\t       8 kB
VmSwap:\t       4 kB
CapEff:\t000001fffeffffff
Seccomp:\t2
";

    #[test]
    fn a_process_in_two_nested_containers() {
        let expected = Status {
            tgid: Some(7580),
            uid: Some(1001),
            namespace_pids: vec![7580, 12, 1],
            capabilities: Some(0x01ff_feff_ffff),
            rss: Some(1_679_360),
            rss_anonymous: Some(114_688),
            rss_file: Some(1_556_480),
            rss_shared: Some(8192),
            swap: Some(4096),
            seccomp: Some(2),
        };
        assert_eq!(parse(IN_A_CONTAINER.as_bytes()), expected);
    }

    #[test]
    fn an_old_kernel_and_nonsense_leave_gaps() {
        let old = parse(b"Tgid:\t9\nVmRSS:\t 4 kB\n");
        assert_eq!(
            old,
            Status {
                tgid: Some(9),
                rss: Some(4096),
                ..Status::default()
            }
        );
        let odd = parse(b"Tgid: 99999999999\nUid: 0\nNSpid: x 7\nCapEff: zz\nVmRSS: 4 MB\n\xff:");
        assert_eq!(
            odd,
            Status {
                namespace_pids: vec![7],
                ..Status::default()
            }
        );
    }

    #[test]
    fn our_own_parts_add_up() {
        let ours = read_own().unwrap();
        assert_eq!(ours.tgid, Some(std::process::id()));
        let parts = [ours.rss_anonymous, ours.rss_file, ours.rss_shared].map(Option::unwrap);
        assert_eq!(parts.iter().sum::<u64>(), ours.rss.unwrap());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(text: Vec<u8>) {
            let _ = parse(&text);
        }
    }
}
