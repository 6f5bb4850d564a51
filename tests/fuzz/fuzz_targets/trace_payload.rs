//! A block with good checksums and any payload; what is read is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_core::event::Event;
use tracer_core::trace::{Encoder, Index, Reader};

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (selector, raw_bytes, payload) = input;
    let kind = u16::from(selector % 4);
    // Mostly plain: compressed bytes say little to a fuzzer.
    let (coding, raw_bytes) = match selector / 4 {
        0 => (1, u32::from(raw_bytes)),
        _ => (0, payload.len() as u32),
    };
    let trace = tracer_fuzz::block::trace(kind, coding, raw_bytes, payload);
    let events: Vec<Event> = Reader::new(&trace).expect("a good header").collect();
    let _ = Index::of(&trace);

    let (mut encoder, mut copy) = Encoder::new();
    for event in &events {
        encoder.push(event);
    }
    let refused = encoder.refused_events() as usize;
    copy.extend(encoder.finish());
    let mut reader = Reader::new(&copy).expect("a good header");
    if refused == 0 {
        assert!(reader.by_ref().eq(events));
    } else {
        assert_eq!(reader.by_ref().count() + refused, events.len());
    }
    assert!(reader.damage().is_none());
});
