//! The lines of the live view.

use tracer_core::{
    event::{Event, EventKind, Loss, LossCount, MemorySample, ProcessFacts, ProcessId, Timestamp},
    node::Node,
};

use super::*;

#[test]
fn says_what_is_known() {
    let mut node = Node::default();
    let sample = MemorySample {
        rss: 491 << 20,
        anonymous: 480 << 20,
        lazy_free: Some(409 << 20),
        ..MemorySample::default()
    };
    let loss = LossCount {
        kind: "mmap".to_owned(),
        expected: 5,
        received: 4,
        lost: 1,
        skipped: 0,
    };
    let facts = ProcessFacts {
        comm: "sh\u{1b}op".to_owned(),
        ..ProcessFacts::default()
    };
    for (second, kind) in [
        (1, EventKind::Process(Box::new(facts))),
        (2, EventKind::Memory(sample)),
        (
            3,
            EventKind::Loss(Loss {
                counts: vec![loss],
                ..Loss::default()
            }),
        ),
    ] {
        let process = ProcessId {
            tgid: 7,
            start_ticks: 1,
        };
        node.apply(&Event {
            at: Timestamp(second * 1_000_000_000),
            process,
            kind,
        });
    }
    let lines = lines(&node.report().unwrap(), Duration::from_secs(3), None);
    let text = lines.join("\n");
    assert!(
        text.starts_with("tracer: sh\\x1bop (7)  3 s  ^C stops and reports\n"),
        "{text}"
    );
    assert!(
        text.contains("RSS 491 MiB: anonymous 480 MiB, of it lazily freed 409 MiB\n"),
        "{text}"
    );
    assert!(text.contains("\nso far: cannot tell: "), "{text}");
    assert!(text.contains("\n    lazy_free 409 MiB"), "{text}");
    assert!(text.ends_with("events: 5 seen, 1 lost"), "{text}");
    assert!(!text.contains('\u{1b}'));
}
