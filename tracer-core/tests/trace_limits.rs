//! What is over the limits of the format is refused or left out, and nothing else is harmed.

use tracer_core::event::{
    Event, EventKind, Frame, ProcessId, StackId, StackTrace, Symbol, Timestamp,
};
use tracer_core::trace::{Encoder, OpenError, Reader};

#[test]
fn other_files_are_refused() {
    let zeros = vec![0; 3 << 20];
    let magic = b"\xf5TB1\xf5TB2".repeat(1 << 17);
    for other in [
        &b""[..],
        b"\x89TRACE\r",
        b"\x7fELF\x02\x01\x01",
        &zeros,
        &magic,
    ] {
        assert_eq!(Reader::new(other).err(), Some(OpenError::NotATrace));
    }
}

#[test]
fn events_over_the_limits_are_counted_and_not_written() {
    let (mut encoder, mut trace) = Encoder::new();
    let process = ProcessId::default();
    let huge = StackTrace {
        id: StackId(1),
        addresses: vec![0; (1 << 20) + 1],
        leaf_word: None,
        recovered_at: None,
        truncated: false,
    };
    for kind in [EventKind::Tick, EventKind::Stack(huge), EventKind::Exit] {
        encoder.push(&Event {
            at: Timestamp(0),
            process,
            kind,
        });
    }
    assert_eq!((encoder.events(), encoder.refused_events()), (2, 1));
    trace.extend(encoder.finish());
    let mut reader = Reader::new(&trace).expect("a trace");
    let events: Vec<Event> = reader.by_ref().collect();
    let kinds: Vec<EventKind> = events.into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Tick, EventKind::Exit]);
    assert!(reader.damage().is_none());
}

#[test]
fn a_block_ends_before_it_outgrows_the_reader() {
    // Three of these are more than one block may hold, and nobody asks for the blocks.
    let symbol = |number: u32| {
        let function = format!("{number:0>200}");
        let frames = vec![Frame {
            function,
            line: number,
            ..Frame::default()
        }];
        Symbol {
            address: u64::from(number),
            frames,
            ..Symbol::default()
        }
    };
    let symbols: Vec<Symbol> = (0..30_000).map(symbol).collect();
    let process = ProcessId::default();
    let event = Event {
        at: Timestamp(0),
        process,
        kind: EventKind::Symbols(symbols),
    };
    let (mut encoder, mut trace) = Encoder::new();
    for _ in 0..5 {
        encoder.push(&event);
    }
    assert!(encoder.should_flush());
    trace.extend(encoder.finish());
    let mut reader = Reader::new(&trace).expect("a trace");
    let events: Vec<Event> = reader.by_ref().collect();
    assert!(events.len() == 5 && events.iter().all(|read| *read == event));
    assert!(reader.damage().is_none());
}
