//! Tests of how events change a process as a whole.

use super::*;
use crate::event::{
    Backing, Call, Frame, Mapping, MemorySample, StackId, StackTrace, Symbol, Syscall,
};
use crate::ledger::symbols::Line;

fn call(what: Syscall, outcome: u64) -> EventKind {
    let (stack, outcome) = (Some(StackId(1)), Ok(outcome));
    EventKind::Call(Call {
        tid: 1,
        entered: None,
        stack,
        goroutine: None,
        outcome,
        what,
    })
}

fn filled() -> Process {
    let mut process = Process::default();
    let backing = Backing::Anonymous {
        name: String::new(),
    };
    let mapping = Mapping {
        start: 0x1000,
        end: 0x3000,
        prot: 3,
        shared: false,
        backing,
    };
    let stack = StackTrace {
        id: StackId(1),
        addresses: vec![7],
        leaf_word: None,
        recovered_at: None,
        truncated: false,
    };
    let frames = vec![Frame {
        function: "main.main".to_owned(),
        ..Frame::default()
    }];
    let symbol = Symbol {
        address: 7,
        is_return: false,
        frames,
        frameless: false,
    };
    let kept = Syscall::Socket {
        family: 2,
        kind: 1,
        protocol: 0,
    };
    for (at, kind) in [
        (100, EventKind::Mappings(vec![mapping])),
        (100, EventKind::Stack(stack)),
        (100, EventKind::Symbols(vec![symbol])),
        (100, EventKind::Memory(MemorySample::default())),
        (
            200,
            call(
                Syscall::Munmap {
                    addr: 0x1000,
                    len: 0x1000,
                },
                0,
            ),
        ),
        (300, call(kept, 3)),
    ] {
        process.apply(Timestamp(at), &kind);
    }
    process
}

#[test]
fn one_call_reaches_every_ledger_it_concerns() {
    let process = filled();
    assert_eq!(process.vma().mapped_bytes(), 0x1000);
    assert_eq!(process.calls().iter().count(), 2);
    assert_eq!(process.descriptors().open_sockets(), 1);
}

#[test]
fn the_window_spans_all_events_in_any_order() {
    let mut process = filled();
    for second in [5, 2, 9] {
        process.apply(Timestamp(second * 1_000_000_000), &EventKind::Tick);
    }
    assert!((process.seconds() - 8.999_999_9).abs() < 1e-9);
    assert!((Process::default().seconds()).abs() < 1e-9);
}

#[test]
fn a_new_program_starts_new_ledgers() {
    let mut process = filled();
    process.apply(Timestamp(400), &EventKind::Exec);
    assert_eq!(process.execs(), 1);
    assert_eq!(process.vma().mapped_bytes(), 0);
    assert_eq!(process.calls().iter().count(), 0);
    assert!(process.memory().last().is_none());
    // The kernel side does not send a stack twice: its addresses stay, the names do not.
    assert_eq!(process.symbols().lines(Some(StackId(1))), [Line::Bare(7)]);
    // A socket that the new program inherits is older than it.
    let sockets = process.descriptors();
    assert_eq!(
        (
            sockets.open_sockets(),
            sockets.opened(),
            sockets.pre_existing()
        ),
        (1, 0, 1)
    );
}
