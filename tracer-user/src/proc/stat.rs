//! `/proc/PID/stat`: state, flags and start time of a process.

use std::io;

use super::fields::{number, words};
use super::{SHORT, read_capped};

/// `PF_KTHREAD` of the kernel's `include/linux/sched.h`.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// What is needed of `/proc/PID/stat`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stat {
    /// Name of the main thread.
    pub comm: String,
    /// `R`, `S`, `Z`, … as `ps` prints it.
    pub state: char,
    /// It has no user space.
    pub kernel_thread: bool,
    /// Threads that have not exited.
    pub threads: u64,
    /// Clock ticks since boot at which it started.
    pub start_ticks: u64,
}

/// State of a process, or of a thread when `pid` is a thread's id.
///
/// # Errors
/// When the file cannot be read or is not what the kernel writes.
pub fn read(pid: u32) -> io::Result<Stat> {
    let path = format!("/proc/{pid}/stat");
    parse(&read_capped(&path, SHORT)?)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("{path} is incomplete")))
}

/// The one line of the file; `None` when fields are missing.
#[must_use]
pub fn parse(text: &[u8]) -> Option<Stat> {
    // The name may hold spaces, parentheses and line ends: it reaches to the last parenthesis.
    let open = text.iter().position(|byte| *byte == b'(')?;
    let close = text.iter().rposition(|byte| *byte == b')')?;
    let comm = text.get(open + 1..close)?;
    let rest: Vec<&[u8]> = words(text.get(close + 1..)?).take(20).collect();
    // proc(5) counts from 1 with the pid, and `rest` starts at field 3.
    let field = |of_manual: usize| rest.get(of_manual - 3).copied();
    Some(Stat {
        comm: String::from_utf8_lossy(comm).into_owned(),
        state: char::from(*field(3)?.first()?),
        kernel_thread: number(field(9)?)? & KERNEL_THREAD != 0,
        threads: number(field(20)?)?,
        start_ticks: number(field(22)?)?,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &[u8], comm: &str, state: char, kernel_thread: bool, threads: u64, start: u64) {
        let comm = comm.to_owned();
        let expected = Stat {
            comm,
            state,
            kernel_thread,
            threads,
            start_ticks: start,
        };
        assert_eq!(parse(text), Some(expected));
    }

    #[test]
    fn processes_kernel_threads_and_strange_names() {
        check(
            b"7802 (cat) R 7797 7797 5908 0 -1 4194304 101 0 0 0 0 0 0 0 20 0 1 0 120090 3133440 382 18446744073709551615\n",
            "cat", 'R', false, 1, 120_090,
        );
        check(
            b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 22 0 0 18446744073709551615\n",
            "kthreadd", 'S', true, 1, 22,
        );
        check(
            b"9 (a) Z 1 (\n\xff) Z 1 9 9 0 -1 4227084 0 0 0 0 0 0 0 0 20 0 4 0 77 0 0 0\n",
            "a) Z 1 (\n\u{fffd}",
            'Z',
            false,
            4,
            77,
        );
    }

    #[test]
    fn an_incomplete_line_is_nothing() {
        for text in [
            &b""[..],
            b"1",
            b"1 (x",
            b")(",
            b"1 (x) R 1 2 3",
            b"1 (x) R a b c d e f g h i j k l m n o p q r s t",
        ] {
            assert_eq!(parse(text), None);
        }
    }

    #[test]
    fn we_run() {
        let ours = read(std::process::id()).unwrap();
        assert!(!ours.kernel_thread && ours.start_ticks > 0 && ours.threads > 0);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(text: Vec<u8>) {
            let _ = parse(&text);
        }
    }
}
