//! The engine from outside: a stream of events in, the contract's JSON out.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};
use tracer_core::event::{
    Access, Advice, Call, Descriptor, DescriptorKind, EndedBy, Event, EventKind, Faults, Frame,
    Loss, LossCount, MemorySample, Peer, ProcessFacts, ProcessId, StackId, StackTrace, Symbol,
    Syscall, Timestamp,
};
use tracer_core::node::Node;
use tracer_core::report;

const SECOND: u64 = 1_000_000_000;

fn stack(id: u64, functions: &[&str]) -> [EventKind; 2] {
    let addresses: Vec<u64> = (0..functions.len() as u64)
        .map(|index| id * 1000 + index)
        .collect();
    let symbols = addresses
        .iter()
        .zip(functions)
        .enumerate()
        .map(|(index, (address, name))| {
            let frame = Frame {
                function: (*name).to_owned(),
                file: "shop.go".to_owned(),
                line: 7,
                go: true,
                ..Frame::default()
            };
            Symbol {
                address: *address,
                is_return: index > 0,
                frames: vec![frame],
                frameless: false,
            }
        });
    let symbols = EventKind::Symbols(symbols.collect());
    let id = StackId(id);
    let trace = StackTrace {
        id,
        addresses,
        leaf_word: None,
        recovered_at: None,
        truncated: false,
    };
    [EventKind::Stack(trace), symbols]
}

fn call(stack: u64, entered: Option<u64>, outcome: u64, what: Syscall) -> EventKind {
    EventKind::Call(Call {
        tid: 1,
        entered: entered.map(Timestamp),
        stack: Some(StackId(stack)),
        goroutine: None,
        outcome: Ok(outcome),
        what,
    })
}

/// A small shop: dials twice, closes once, touches memory, gives memory back.
fn stream() -> Vec<Event> {
    let facts = ProcessFacts {
        comm: "shop".to_owned(),
        go_version: Some("go1.15.15".to_owned()),
        arch: "amd64".to_owned(),
        page_size: 4096,
        ..ProcessFacts::default()
    };
    let listener = Descriptor {
        fd: 3,
        kind: DescriptorKind::Socket { inode: 9 },
    };
    let socket = Syscall::Socket {
        family: 2,
        kind: 1,
        protocol: 0,
    };
    let peer = Peer::Inet("10.0.0.7:443".parse().unwrap());
    let connect = Syscall::Connect {
        fd: 7,
        peer: Some(peer),
    };
    let free = Syscall::Madvise {
        addr: 0,
        len: 65536,
        advice: Advice::FREE,
    };
    let loss = LossCount {
        kind: "madvise".to_owned(),
        expected: 1,
        received: 1,
        lost: 0,
        skipped: 0,
    };
    let mut kinds = vec![
        EventKind::Process(Box::new(facts)),
        EventKind::Descriptors(vec![listener]),
        call(1, None, 7, socket.clone()),
        call(1, None, 0, connect),
        call(1, None, 8, socket),
        call(1, Some(5 * SECOND + 1), 0, Syscall::Close { fd: 8 }),
        call(2, None, 0, free),
        EventKind::Faults(Faults {
            stack: Some(StackId(3)),
            access: Access::Write,
            count: 10,
        }),
    ];
    // Stacks may be known later than the events that name them.
    kinds.extend(stack(
        1,
        &["syscall.Socket", "net.Dial", "main.dial", "runtime.goexit"],
    ));
    kinds.extend(stack(2, &["runtime.madvise", "runtime.bgscavenge.func2"]));
    kinds.extend(stack(3, &["runtime.memclrNoHeapPointers", "main.load"]));
    for _ in 0..12 {
        let sample = MemorySample {
            rss: 491 << 20,
            lazy_free: Some(409 << 20),
            ..MemorySample::default()
        };
        kinds.push(EventKind::Memory(sample));
    }
    kinds.push(EventKind::Loss(Loss {
        counts: vec![loss],
        ..Loss::default()
    }));
    kinds.push(EventKind::End(EndedBy::Duration));
    let process = ProcessId {
        tgid: 4711,
        start_ticks: 1,
    };
    let seconds = (1..).map(|second| Timestamp(second * SECOND));
    seconds
        .zip(kinds)
        .map(|(at, kind)| Event { at, process, kind })
        .collect()
}

fn run(events: &[Event]) -> (String, String) {
    let mut node = Node::default();
    for event in events {
        node.apply(event);
    }
    let report = node.report().unwrap();
    (report::json(&report), report::text(&report))
}

#[test]
fn equal_streams_give_equal_reports() {
    let events = stream();
    assert_eq!(run(&events), run(&events));
}

#[test]
fn every_prefix_of_a_stream_gives_a_report() {
    let events = stream();
    for length in 1..=events.len() {
        let (json, text) = run(&events[..length]);
        assert!(json.ends_with("}\n"));
        assert!(text.contains("conclusion: "));
    }
}

#[test]
fn the_json_has_the_names_of_the_contract() {
    let value: Value = serde_json::from_str(&run(&stream()).0).unwrap();
    let expected = [
        ("/schema", json!("tracer/report/1")),
        ("/process/pid", json!(4711)),
        ("/process/comm", json!("shop")),
        ("/process/exe", json!(null)),
        ("/process/arch", json!("amd64")),
        ("/process/heap_profile", json!(null)),
        ("/window/seconds", json!(27.0)),
        ("/window/ended_by", json!("duration")),
        ("/recording", json!(null)),
        (
            "/loss",
            json!([{"kind": "madvise", "expected": 1, "received": 1, "lost": 0, "summed": 0, "skipped": 0, "cpus": [], "gaps": []}]),
        ),
        ("/conclusion", json!("no_leak")),
        ("/verdicts/0/rule", json!("lazily-freed")),
        ("/verdicts/0/status", json!("found")),
        ("/verdicts/0/leak", json!(false)),
        (
            "/verdicts/0/evidence/0",
            json!({"what": "LazyFree", "bytes": 428_867_584}),
        ),
        ("/verdicts/0/missing", json!(null)),
        ("/ledger/rss_bytes", json!(491 << 20)),
        ("/ledger/residual_bytes", json!(82 << 20)),
        (
            "/ledger/lines/5",
            json!({"name": "lazy_free", "bytes": 428_867_584, "growth_bytes": null}),
        ),
        ("/calls/2/call", json!("madvise_free")),
        ("/calls/2/bytes", json!(65536)),
        ("/calls/2/origins/0/class", json!("background scavenger")),
        (
            "/calls/2/origins/0/stack/1/function",
            json!("runtime.bgscavenge.func2"),
        ),
        ("/calls/3/call", json!("socket")),
        ("/calls/3/bytes", json!(null)),
        ("/growth/0/bytes", json!(40960)),
        (
            "/growth/0/stack/1",
            json!({"function": "main.load", "file": "shop.go", "line": 7, "inlined": false}),
        ),
        ("/heap", json!(null)),
        ("/sockets/open", json!(2)),
        ("/sockets/opened", json!(2)),
        ("/sockets/closed", json!(1)),
        ("/sockets/pre_existing", json!(1)),
        ("/sockets/origins/0/open", json!(1)),
        ("/sockets/origins/0/oldest_seconds", json!(25.0)),
        ("/sockets/origins/0/peers", json!(["10.0.0.7:443"])),
        ("/sockets/origins/0/states", json!(null)),
        ("/sockets/origins/0/origin/function", json!("main.dial")),
        ("/sockets/origins/0/chain", json!([])),
        ("/holders", json!(null)),
        ("/goroutines", json!(null)),
    ];
    for (pointer, expected) in expected {
        assert_eq!(value.pointer(pointer), Some(&expected), "{pointer}");
    }
    let names: Vec<&str> = value["ledger"]["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names.join(" "),
        "go_heap_live go_heap_dead go_heap_free go_stacks go_runtime lazy_free native file shared"
    );
}
