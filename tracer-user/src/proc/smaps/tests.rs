//! Texts of three kernels, and a process that holds still.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use proptest::prelude::*;
use tracer_core::event::Backing;

use super::*;
use crate::proc::memory;

/// Before 4.12 there is no `LazyFree`.
const LINUX_4_9: &str = "\
00400000-0048a000 r-xp 00000000 fd:03 960637       /bin/bash
Size:                552 kB
Rss:                 460 kB
Pss:                 100 kB
Shared_Clean:        452 kB
Shared_Dirty:          0 kB
Private_Clean:         8 kB
Private_Dirty:         0 kB
Referenced:          460 kB
Anonymous:             0 kB
AnonHugePages:         0 kB
ShmemPmdMapped:        0 kB
Shared_Hugetlb:        0 kB
Private_Hugetlb:       0 kB
Swap:                  0 kB
SwapPss:               0 kB
KernelPageSize:        4 kB
MMUPageSize:           4 kB
Locked:                0 kB
VmFlags: rd ex mr mw me dw sd
";

const LINUX_5_10: &str = "\
c000000000-c01c000000 rw-p 00000000 00:00 0 
Size:             458752 kB
KernelPageSize:        4 kB
MMUPageSize:           4 kB
Rss:              427136 kB
Pss:              427136 kB
Shared_Clean:          0 kB
Shared_Dirty:          0 kB
Private_Clean:         0 kB
Private_Dirty:    427136 kB
Referenced:         8200 kB
Anonymous:        427136 kB
LazyFree:         418816 kB
AnonHugePages:    141312 kB
ShmemPmdMapped:        0 kB
FilePmdMapped:         0 kB
Shared_Hugetlb:        0 kB
Private_Hugetlb:       0 kB
Swap:                 64 kB
SwapPss:              32 kB
Locked:                0 kB
THPeligible:    1
VmFlags: rd wr mr mw me ac sd hg
c01c000000-c020000000 ---p 00000000 00:00 0 
Size:              65536 kB
KernelPageSize:        4 kB
MMUPageSize:           4 kB
Rss:                   0 kB
Anonymous:             0 kB
LazyFree:              0 kB
Swap:                  0 kB
VmFlags: mr mw me sd
";

const LINUX_6_18: &str = "\
c000000000-c000400000 rw-p 00000000 00:00 0                              [anon: Go: heap]
Size:               4096 kB
KernelPageSize:        4 kB
MMUPageSize:           4 kB
Rss:                2048 kB
Pss:                2048 kB
Pss_Dirty:          2048 kB
Shared_Clean:          0 kB
Shared_Dirty:          0 kB
Private_Clean:         0 kB
Private_Dirty:      2048 kB
Referenced:         2048 kB
Anonymous:          2048 kB
KSM:                   0 kB
LazyFree:              4 kB
AnonHugePages:      2048 kB
ShmemPmdMapped:        0 kB
FilePmdMapped:         0 kB
Shared_Hugetlb:        0 kB
Private_Hugetlb:       0 kB
Swap:                  0 kB
SwapPss:               0 kB
Locked:                0 kB
THPeligible:           1
VmFlags: rd wr mr mw me ac sd
";

/// `start rss anonymous lazy_free anon_huge swap` of each mapping, in KiB.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let found: Vec<String> = parse(text.as_bytes())
        .iter()
        .map(|used| {
            let lazy = used
                .lazy_free
                .map_or("-".to_owned(), |bytes| (bytes >> 10).to_string());
            let [rss, anonymous, huge, swap] =
                [used.rss, used.anonymous, used.anon_huge, used.swap].map(|bytes| bytes >> 10);
            format!(
                "{:x} {rss} {anonymous} {lazy} {huge} {swap}",
                used.mapping.start
            )
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn three_kernels() {
    check(LINUX_4_9, &["400000 460 0 - 0 0"]);
    check(
        LINUX_5_10,
        &[
            "c000000000 427136 427136 418816 141312 64",
            "c01c000000 0 0 0 0 0",
        ],
    );
    check(LINUX_6_18, &["c000000000 2048 2048 4 2048 0"]);
    let name = "[anon: Go: heap]".to_owned();
    let found = parse(LINUX_6_18.as_bytes());
    assert_eq!(found[0].mapping.backing, Backing::Anonymous { name });
}

#[test]
fn sizes_without_a_mapping_and_broken_sizes_are_skipped() {
    check("Rss: 4 kB\n", &[]);
    check(
        "1000-2000 rw-p 0 00:00 0\nRss: 4\nRss:\nAnonymous: x kB\nSwap: 4 kB\n",
        &["1000 0 0 - 0 4"],
    );
}

#[test]
fn a_mapping_that_grows_while_it_is_read_counts_once() {
    let listed = |ranges: &[(&str, u64)]| {
        let lines = ranges.iter();
        let lines = lines.map(|(range, kb)| format!("{range} rw-p 0 00:00 0\nRss: {kb} kB\n"));
        lines.collect::<String>()
    };
    check(
        &listed(&[("1000-2000", 4), ("4000-5000", 4), ("4000-7000", 12)]),
        &["1000 4 0 - 0 0", "4000 12 0 - 0 0"],
    );
    // It has grown into one with those before it.
    check(
        &listed(&[
            ("1000-2000", 4),
            ("2000-5000", 8),
            ("1000-7000", 20),
            ("8000-9000", 4),
        ]),
        &["1000 20 0 - 0 0", "8000 4 0 - 0 0"],
    );
}

#[test]
fn only_newer_kernels_tell_lazy_free() {
    assert!(!tells_lazy_free(LINUX_4_9.as_bytes()));
    assert!(tells_lazy_free(LINUX_5_10.as_bytes()));
}

/// A process that holds still: it has answered once, and waits for the next line.
fn still_process() -> Child {
    let mut process = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answer = [0; 1];
    process.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    let stdout = process.stdout.as_mut().unwrap();
    stdout.read_exact(&mut answer).unwrap();
    process
}

#[test]
fn mappings_add_up_to_the_rss() {
    let mut process = still_process();
    let detail = read(process.id()).unwrap();
    let sample = memory::sample(process.id()).unwrap().sample;
    // Without its input it ends.
    drop(process.stdin.take());
    process.wait().unwrap();

    let sum = |part: fn(&MappingUse) -> u64| detail.mappings.iter().map(part).sum::<u64>();
    assert_eq!(sum(|used| used.rss), sample.rss);
    assert_eq!(sum(|used| used.anonymous), sample.anonymous);
    assert!(sample.rss > 0 && sample.anonymous > 0 && detail.took_ns > 0);
}

proptest! {
    #[test]
    fn no_bytes_panic(text: Vec<u8>) {
        let _ = parse(&text);
    }

    #[test]
    fn no_cut_text_panics(cut in 0..LINUX_5_10.len()) {
        let whole = parse(LINUX_5_10.as_bytes());
        prop_assert!(parse(&LINUX_5_10.as_bytes()[..cut]).len() <= whole.len());
    }
}
