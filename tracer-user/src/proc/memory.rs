//! RSS and its parts for a whole process: `smaps_rollup` and `status`.
//!
//! `smaps_rollup` (Linux 4.14) is the sum of `smaps` and costs the target the same: the kernel
//! walks its page tables under the lock that `mmap` and page faults need. `status` costs nothing,
//! but knows neither `LazyFree` nor huge pages, and its counters lag behind by some pages per CPU.

use std::io;
use std::time::{Duration, Instant};

use tracer_core::event::MemorySample;

use super::fields::{kilobytes, lines, named};
use super::status::{self, Status};
use super::{SHORT, read_capped};

/// A page-table walk is followed by this many times its own length of rest: 2 % of the time.
const REST: u32 = 49;

/// A sample, and what it cost the target.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reading {
    /// RSS and its parts.
    pub sample: MemorySample,
    /// Time in which the kernel walked the page tables of the target; zero without a walk.
    pub walked: Duration,
}

/// How long to leave the target alone after a walk of this length.
#[must_use]
pub fn rest_after(walked: Duration) -> Duration {
    walked.saturating_mul(REST)
}

/// RSS and its parts: from `smaps_rollup` where it may be read, else from the cheap counters.
///
/// # Errors
/// When `status` cannot be read, and `NotFound` when the process has no memory any more.
pub fn sample(pid: u32) -> io::Result<Reading> {
    let started = Instant::now();
    let rollup = read_capped(format!("/proc/{pid}/smaps_rollup"), SHORT).ok();
    let walked = rollup
        .as_ref()
        .map_or(Duration::ZERO, |_| started.elapsed());
    let counters = cheap(pid)?;
    let precise = rollup.and_then(|text| parse_rollup(&text, counters.shared));
    let sample = precise.unwrap_or(counters);
    Ok(Reading { sample, walked })
}

/// RSS and its parts without a page-table walk: fit for every second, never exact.
///
/// # Errors
/// As [`sample`].
pub fn cheap(pid: u32) -> io::Result<MemorySample> {
    let status = status::read(pid)?;
    from_status(&status).ok_or_else(|| {
        let message = format!("process {pid} has exited and has no memory");
        io::Error::new(io::ErrorKind::NotFound, message)
    })
}

/// The sums of `smaps_rollup`. It does not tell files from shared memory: `shared` does, where
/// known, cut to what is there, so that the parts add up to RSS.
#[must_use]
pub fn parse_rollup(text: &[u8], shared: Option<u64>) -> Option<MemorySample> {
    let mut rss = None;
    let mut anonymous = None;
    let mut private = None;
    let mut sample = MemorySample::default();
    for (name, value) in lines(text).filter_map(named) {
        let bytes = kilobytes(value);
        match name {
            b"Rss" => rss = bytes,
            b"Anonymous" => anonymous = bytes,
            b"LazyFree" => sample.lazy_free = bytes,
            b"AnonHugePages" => sample.anon_huge = bytes,
            b"Swap" => sample.swap = bytes,
            b"Private_Clean" | b"Private_Dirty" => {
                private = bytes.map(|bytes| private.unwrap_or(0_u64).saturating_add(bytes));
            }
            _ => {}
        }
    }
    sample.rss = rss?;
    sample.anonymous = anonymous?;
    sample.private = private;
    let mapped = sample.rss.saturating_sub(sample.anonymous);
    sample.shared = shared.map(|shared| shared.min(mapped));
    sample.file = sample.shared.map(|shared| mapped - shared);
    Some(sample)
}

/// The counters of `status`; all kernels that run this tool have them (Linux 4.5).
fn from_status(status: &Status) -> Option<MemorySample> {
    Some(MemorySample {
        rss: status.rss?,
        anonymous: status.rss_anonymous?,
        file: status.rss_file,
        shared: status.rss_shared,
        swap: status.swap,
        ..MemorySample::default()
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROLLUP: &str = "\
5559ae166000-7ffe45f45000 ---p 00000000 00:00 0                          [rollup]
Rss:                1640 kB
Pss:                 391 kB
Pss_Dirty:           112 kB
Shared_Clean:       1452 kB
Shared_Dirty:          0 kB
Private_Clean:        76 kB
Private_Dirty:       112 kB
Referenced:         1640 kB
Anonymous:           112 kB
KSM:                   0 kB
LazyFree:             12 kB
AnonHugePages:         0 kB
Swap:                  4 kB
SwapPss:               2 kB
";

    fn kib(sample: &MemorySample) -> String {
        let part =
            |bytes: Option<u64>| bytes.map_or("-".to_owned(), |bytes| (bytes >> 10).to_string());
        let MemorySample {
            rss,
            anonymous,
            lazy_free,
            file,
            shared,
            anon_huge,
            swap,
            private,
        } = sample;
        let parts = [lazy_free, file, shared, anon_huge, swap, private].map(|bytes| part(*bytes));
        format!("{} {} {}", rss >> 10, anonymous >> 10, parts.join(" "))
    }

    #[track_caller]
    fn check(found: Option<&MemorySample>, expected: &str) {
        assert_eq!(found.map_or("nothing".to_owned(), kib), expected);
    }

    #[test]
    fn rollup_sums() {
        check(
            parse_rollup(ROLLUP.as_bytes(), Some(8 << 10)).as_ref(),
            "1640 112 12 1520 8 0 4 188",
        );
        // Counters of another instant never push the parts over RSS.
        check(
            parse_rollup(ROLLUP.as_bytes(), Some(8 << 20)).as_ref(),
            "1640 112 12 0 1528 0 4 188",
        );
        check(
            parse_rollup(ROLLUP.as_bytes(), None).as_ref(),
            "1640 112 12 - - 0 4 188",
        );
        check(
            parse_rollup(b"Rss: 8 kB\nAnonymous: 4 kB\n", Some(0)).as_ref(),
            "8 4 - 4 0 - - -",
        );
        check(parse_rollup(b"Rss: 8 kB\n", Some(0)).as_ref(), "nothing");
        check(parse_rollup(b"", Some(0)).as_ref(), "nothing");
    }

    #[test]
    fn cheap_counters() {
        let status = status::parse(
            b"VmRSS: 12 kB\nRssAnon: 4 kB\nRssFile: 6 kB\nRssShmem: 2 kB\nVmSwap: 1 kB\n",
        );
        check(from_status(&status).as_ref(), "12 4 - 6 2 - 1 -");
        check(
            from_status(&status::parse(b"VmRSS: 12 kB\n")).as_ref(),
            "nothing",
        );
    }

    #[test]
    fn two_percent_of_the_time() {
        assert_eq!(
            rest_after(Duration::from_millis(20)),
            Duration::from_millis(980)
        );
        assert_eq!(rest_after(Duration::MAX), Duration::MAX);
    }

    #[test]
    fn our_own_parts_add_up() {
        let reading = sample(std::process::id()).unwrap();
        let MemorySample {
            rss,
            anonymous,
            file,
            shared,
            private,
            ..
        } = reading.sample;
        assert_eq!(anonymous + file.unwrap() + shared.unwrap(), rss);
        assert!(private.unwrap() <= rss && reading.walked > Duration::ZERO);
        assert!(cheap(std::process::id()).unwrap().rss > 0);
    }

    #[test]
    fn kernel_threads_have_no_memory() {
        assert_eq!(sample(2).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(text: Vec<u8>, shared: Option<u64>) {
            let _ = parse_rollup(&text, shared);
        }
    }
}
