//! Tests of the rule: when it speaks, and what it says.

use super::*;
use crate::event::{
    Advice, Backing, Call, EventKind, Frame, Mapping, MemorySample, ProcessFacts, StackId,
    StackTrace, Symbol, Syscall, Timestamp,
};

const MIB: u64 = 1 << 20;

/// A process of Go 1.15 with one sample a second.
fn process(samples: &[(u64, Option<u64>)]) -> Process {
    let mut process = Process::default();
    let facts = ProcessFacts {
        go_version: Some("go1.15.15".to_owned()),
        ..ProcessFacts::default()
    };
    process.apply(Timestamp(0), &EventKind::Process(Box::new(facts)));
    for (second, (rss, lazy_free)) in samples.iter().enumerate() {
        let lazy_free = lazy_free.map(|mib| mib * MIB);
        let sample = MemorySample {
            rss: rss * MIB,
            lazy_free,
            ..MemorySample::default()
        };
        process.apply(
            Timestamp(second as u64 * 1_000_000_000),
            &EventKind::Memory(sample),
        );
    }
    process
}

/// The process gives memory back through these functions, innermost first.
fn give_back(process: &mut Process, id: u64, mib: u64, functions: &[&str]) {
    let addresses: Vec<u64> = (0..functions.len() as u64).map(|i| id * 100 + i).collect();
    let symbols = addresses.iter().zip(functions).enumerate();
    let symbols = symbols.map(|(index, (address, function))| Symbol {
        address: *address,
        is_return: index > 0,
        frames: vec![Frame {
            function: (*function).to_owned(),
            file: "shop.go".to_owned(),
            line: 40 + index as u32,
            go: true,
            ..Frame::default()
        }],
        frameless: false,
    });
    let symbols = EventKind::Symbols(symbols.collect());
    let stack = StackTrace {
        id: StackId(id),
        addresses,
        leaf_word: None,
        recovered_at: None,
        truncated: false,
    };
    let call = Call {
        tid: 1,
        entered: None,
        stack: Some(StackId(id)),
        goroutine: None,
        outcome: Ok(0),
        what: Syscall::Madvise {
            addr: 0,
            len: mib * MIB,
            advice: Advice::FREE,
        },
    };
    for kind in [EventKind::Stack(stack), symbols, EventKind::Call(call)] {
        process.apply(Timestamp(1), &kind);
    }
}

#[track_caller]
fn check(samples: &[(u64, Option<u64>)], expected: &str) {
    let text = match LazilyFreed.judge(&process(samples)) {
        Verdict::Clear { headline, .. } => format!("clear: {headline}"),
        Verdict::Unsure { missing } => format!("unsure: {missing}"),
        Verdict::Found { headline, leak, .. } => format!("found, leak {leak}: {headline}"),
    };
    assert_eq!(text, expected);
}

#[test]
fn verdicts() {
    check(
        &[(491, Some(409))],
        "found, leak false: 409 of 491 MiB RSS were already given back with MADV_FREE",
    );
    check(
        &[(100, Some(16))],
        "found, leak false: 16 of 100 MiB RSS were already given back with MADV_FREE",
    );
    check(
        &[(81, Some(0))],
        "clear: only 0.0 of 81.0 MiB RSS are lazily freed",
    );
    check(
        &[(20, Some(15))],
        "clear: only 15.0 of 20.0 MiB RSS are lazily freed",
    );
    check(
        &[(1000, Some(99))],
        "clear: only 99.0 of 1000.0 MiB RSS are lazily freed",
    );
    // The last sample counts: the kernel has taken it.
    check(
        &[(491, Some(409)), (82, Some(0))],
        "clear: only 0.0 of 82.0 MiB RSS are lazily freed",
    );
    check(
        &[(491, None)],
        "unsure: this kernel does not report LazyFree (Linux 4.12 and newer do)",
    );
    check(&[], "unsure: no memory sample could be read");
}

#[track_caller]
fn evidence(process: &Process) -> Vec<String> {
    let Verdict::Found { evidence, .. } = LazilyFreed.judge(process) else {
        panic!("not found");
    };
    let text = |item: &Evidence| match item.bytes {
        Some(bytes) => format!("{} {}", item.what, bytes / MIB.cast_signed()),
        None => item.what.clone(),
    };
    evidence.iter().map(text).collect()
}

#[test]
fn memory_given_back_before_the_attach() {
    let found = evidence(&process(&[
        (491, Some(409)),
        (491, Some(409)),
        (493, Some(409)),
    ]));
    assert_eq!(
        found,
        [
            "LazyFree 409",
            "RSS 493",
            "real use: RSS without LazyFree 84",
            "no MADV_FREE was seen while watching: the memory was given back before, and who did \
             it was not seen",
            "growth of real use over the 2 s watched 2",
        ]
    );
}

#[test]
fn memory_given_back_while_watching() {
    let mut process = process(&[(491, Some(409))]);
    let backing = Backing::Anonymous {
        name: String::new(),
    };
    let heap = Mapping {
        start: 0,
        end: 200 * MIB,
        prot: 3,
        shared: false,
        backing,
    };
    process.apply(Timestamp(1), &EventKind::Mappings(vec![heap]));
    let scavenger = [
        "runtime.madvise",
        "runtime.bgscavenge.func2",
        "runtime.systemstack",
    ];
    give_back(&mut process, 1, 300, &scavenger);
    give_back(
        &mut process,
        2,
        50,
        &["runtime.madvise", "runtime.(*mheap).grow", "main.load"],
    );
    give_back(
        &mut process,
        2,
        50,
        &["runtime.madvise", "runtime.(*mheap).grow", "main.load"],
    );
    let found = evidence(&process);
    assert_eq!(
        found[3..],
        [
            "given back while watching by background scavenger (1 call) 300",
            "given back while watching by heap growth (2 calls) 100",
            "of these, distinct memory that is still mapped 200",
        ]
    );
    let Verdict::Found { origins, .. } = LazilyFreed.judge(&process) else {
        panic!("not found");
    };
    let lines: Vec<_> = origins
        .iter()
        .map(|origin| (origin.line.function.as_str(), origin.line.line))
        .collect();
    assert_eq!(lines, [("main.load", Some(42))]);
    assert_eq!(origins[0].bytes, Some(100 * MIB));
}
