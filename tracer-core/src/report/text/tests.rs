//! Tests of the text: its order, its width, and that nothing of the target harms it.

use super::*;
use crate::event::{
    Access, Advice, Backing, Call, EndedBy, EventKind, Faults, Frame, Loss, LossCount, LossGap,
    Mapping, MappingUse, MemoryDetail, MemorySample, ProcessFacts, ProcessId, StackId, StackTrace,
    Symbol, Syscall, Timestamp,
};
use crate::process::Process;
use crate::report::{Recording, WIDTH, json};

const MIB: u64 = 1 << 20;

fn stack(id: u64, addresses: &[u64]) -> EventKind {
    EventKind::Stack(StackTrace {
        id: StackId(id),
        addresses: addresses.to_vec(),
        leaf_word: None,
        recovered_at: None,
        truncated: false,
    })
}

fn symbol(address: u64, is_return: bool, function: &str) -> Symbol {
    let frame = Frame {
        function: function.to_owned(),
        file: "/src/shop/load.go".to_owned(),
        line: 12,
        go: true,
        ..Frame::default()
    };
    Symbol {
        address,
        is_return,
        frames: vec![frame],
        frameless: false,
    }
}

fn heap() -> MappingUse {
    let backing = Backing::Anonymous {
        name: "[anon: Go: heap]".to_owned(),
    };
    MappingUse {
        mapping: Mapping {
            start: 0,
            end: 1 << 30,
            prot: 3,
            shared: false,
            backing,
        },
        rss: 491 * MIB,
        anonymous: 491 * MIB,
        lazy_free: Some(409 * MIB),
        anon_huge: 0,
        swap: 0,
    }
}

/// Story 2, with names as given.
fn process(comm: &str, function: &str, ended: Option<EndedBy>) -> Process {
    let mut process = Process::new(ProcessId {
        tgid: 4711,
        start_ticks: 1,
    });
    let facts = ProcessFacts {
        comm: comm.to_owned(),
        exe: Some(format!("/srv/{comm}")),
        go_version: Some("go1.15.15".to_owned()),
        page_size: 4096,
        ..ProcessFacts::default()
    };
    process.apply(Timestamp(0), &EventKind::Process(Box::new(facts)));
    let symbols = vec![
        symbol(1, false, "runtime.madvise"),
        symbol(2, true, "runtime.bgscavenge"),
        symbol(3, false, function),
    ];
    let call = Call {
        tid: 1,
        entered: None,
        stack: Some(StackId(1)),
        goroutine: None,
        outcome: Ok(0),
        what: Syscall::Madvise {
            addr: 0,
            len: 409 * MIB,
            advice: Advice::FREE,
        },
    };
    let faults = Faults {
        stack: Some(StackId(2)),
        access: Access::Write,
        count: 512,
    };
    for kind in [
        stack(1, &[1, 2]),
        stack(2, &[3]),
        EventKind::Symbols(symbols),
        EventKind::Call(call),
        EventKind::Faults(faults),
        EventKind::Descriptors(Vec::new()),
        EventKind::MemoryDetail(MemoryDetail {
            mappings: vec![heap()],
            took_ns: 0,
        }),
    ] {
        process.apply(Timestamp(1), &kind);
    }
    for second in 0..=20 {
        let sample = MemorySample {
            rss: 491 * MIB,
            anonymous: 490 * MIB,
            lazy_free: Some(409 * MIB),
            ..MemorySample::default()
        };
        process.apply(
            Timestamp(second * 1_000_000_000),
            &EventKind::Memory(sample),
        );
    }
    if let Some(ended) = ended {
        process.apply(Timestamp(20_000_000_000), &EventKind::End(ended));
    }
    process
}

fn story() -> Report {
    Report::on(&process("shop", "main.load", Some(EndedBy::Duration)))
}

#[test]
fn the_answer_comes_first() {
    let expected = "\
conclusion: no leak
  409 of 491 MiB RSS were already given back with MADV_FREE; the memory in use did not grow (+0.0
  MiB in 20 s).
  pid 4711 (shop), /srv/shop, go1.15.15, watched for 20.0 s, ended by duration

lazily-freed: found, not a leak
  409 of 491 MiB RSS were already given back with MADV_FREE.
  evidence
       409.0 MiB  LazyFree
       491.0 MiB  RSS
        82.0 MiB  real use: RSS without LazyFree
       409.0 MiB  given back while watching by background scavenger (1 call)
        +0.0 MiB  growth of real use over the 20 s watched
  what to do
    Start the service with GODEBUG=madvdontneed=1, or build it with Go 1.16 or newer: go1.15.15
    gives memory back with MADV_FREE unless told otherwise, and RSS falls only when the kernel is
    short of memory. Nothing is lost meanwhile: the kernel takes the memory as soon as it, or the
    cgroup's limit, needs it. Alert on RSS minus LazyFree instead of RSS.
  would be refuted by
    RSS that stays as high when LazyFree in /proc/PID/smaps_rollup falls, or RSS minus LazyFree that
    keeps growing

could not be judged
  client-per-request, retained-after-close, socket-leak, healthy: the open sockets were not counted
  goroutine-leak, heap-growth: the Go runtime was not read
  native-growth: which memory is Go's and which is not was not read
  file-mapping-growth: the mappings were read less than twice
  memory-limit: the memory cgroup could not be read
  gc-headroom: where the memory of the Go runtime is was not read
  huge-page-inflation: the kernel does not tell how much is in huge pages
  fragmentation: the spans of the Go heap were not read

where RSS is
       491.0 MiB  RSS
       409.0 MiB  lazy_free
                    409.0 MiB given back by somebody, before this was watched
         0.0 MiB  file
         0.0 MiB  shared
        82.0 MiB  residual, not told apart here
  not measured: go_heap_live go_heap_dead go_heap_free go_stacks go_runtime native
";
    let text = text(&story());
    assert!(text.starts_with(expected), "{text}");
    let growth = "       2.0 MiB  main.load (load.go:12)\n";
    assert!(text.contains(growth), "{text}");
    assert!(text.contains("  madvise_free 1, 409.0 MiB\n      background scavenger: 1 call"));
}

#[track_caller]
fn check_first_line(report: &Report, expected: &str) {
    let text = text(report);
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn what_lessens_the_report_stands_above_it() {
    let cut = Report::on(&process("shop", "main.load", None));
    check_first_line(&cut, "This recording stops without an end");
    let mut damaged = story();
    let recording = Recording {
        damaged_blocks: 2,
        skipped_bytes: 99,
        complete: true,
    };
    damaged.recording = Some(recording);
    check_first_line(
        &damaged,
        "The file is damaged: 2 blocks could not be read, 99 bytes",
    );
    let mut lossy = process("shop", "main.load", Some(EndedBy::Exit));
    let count = LossCount {
        kind: "mmap".to_owned(),
        expected: 812,
        received: 800,
        lost: 12,
        skipped: 3,
    };
    let gap = |cpu, from, to, lost| LossGap {
        kind: "mmap".to_owned(),
        cpu,
        from: Timestamp(from),
        to: Timestamp(to),
        lost,
    };
    let loss = Loss {
        counts: vec![count],
        gaps: vec![
            gap(0, 2_500_000_001, 3_000_000_001, 4),
            gap(1, 2_000_000_001, 7_250_000_001, 8),
        ],
        by_cpu: Vec::new(),
    };
    lossy.apply(Timestamp(1), &EventKind::Loss(loss));
    let report = Report::on(&lossy);
    check_first_line(
        &report,
        "Events were lost, so counts below are too low: mmap 12 of 812 (2.0 s to 7.3 s).\n",
    );
    assert!(
        text(&report).contains(
            "12 lost; the kernel skipped at most 3 more, of all processes\n  gap: 8 lost on CPU 1 from 2.000 s to 7.250 s\n  gap: 4 lost on CPU 0 from 2.500 s to 3.000 s\n"
        ),
        "{}",
        text(&report)
    );
}

#[test]
fn estimates_say_that_they_are() {
    let mut process = process("shop", "main.load", Some(EndedBy::Exit));
    let facts = ProcessFacts {
        sample_bytes: Some(524_288),
        ..process.facts().clone()
    };
    process.apply(Timestamp(1), &EventKind::Process(Box::new(facts)));
    let call = Call {
        tid: 1,
        entered: None,
        stack: None,
        goroutine: None,
        outcome: Ok(0),
        what: Syscall::Madvise {
            addr: 0,
            len: MIB,
            advice: Advice::FREE,
        },
    };
    process.apply(Timestamp(1), &EventKind::Call(call));
    let report = Report::on(&process);
    check_first_line(
        &report,
        "Stacks are those of a sample, one of 524288 bytes on average: ",
    );
    let text = text(&report);
    for line in [
        "       410.0 MiB  given back while watching (2 calls)\n",
        "       409.0 MiB  given back while watching by background scavenger (about 1 call)\n",
        "  madvise_free 2, 410.0 MiB\n      background scavenger: about 1 call, 409.0 MiB\n",
        // Each page stands for 128.5.
        "  about 257.0 MiB  main.load (load.go:12)\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn names_of_the_target_cannot_harm() {
    for name in [
        "\u{1b}]0;x\u{7}",
        "a\nconclusion: leak",
        "\u{202e}evil",
        "\u{9b}2J",
        "\r\t\0",
    ] {
        let report = Report::on(&process(name, &format!("main.{name}"), None));
        let text = text(&report);
        let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(harmful), "{text:?}");
        assert_eq!(
            text.lines()
                .filter(|line| line.starts_with("conclusion: "))
                .count(),
            1
        );
        // JSON carries the exact text.
        let value: serde_json::Value = serde_json::from_str(&json(&report)).unwrap_or_default();
        assert_eq!(value["process"]["comm"], name);
    }
}

#[test]
fn no_line_is_too_long() {
    let long = "x".repeat(300);
    let report = Report::on(&process(&long, &format!("main.{long}"), None));
    for line in text(&report).lines() {
        assert!(line.chars().count() <= WIDTH, "{line}");
        assert_eq!(line, line.trim_end(), "{line:?}");
    }
}
