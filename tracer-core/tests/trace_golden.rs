//! Traces written by formats 1.0 and 2.0 are read for ever.

#[path = "trace_golden/events.rs"]
mod events;

use tracer_core::event::{Event, Timestamp};
use tracer_core::trace::{Index, IndexEntry, Reader};

/// Never to be changed. A later version gets a file of its own.
const V1_0: &str = include_str!("trace_golden/v1_0.hex");

/// Has the events of 1.0, and calls of several callers.
const V2_0: &str = include_str!("trace_golden/v2_0.hex");

fn v1_0() -> Vec<u8> {
    bytes(V1_0)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits
        .chunks(2)
        .map(|pair| byte(pair).expect("two hex digits"))
        .collect()
}

#[track_caller]
fn check(trace: &[u8], version: &str, events: impl IntoIterator<Item = Event>) {
    let mut reader = Reader::new(trace).expect("a trace");
    let written = reader.version().map(|version| version.to_string());
    assert_eq!(written.as_deref(), Some(version));
    assert_eq!(reader.writer(), Some("tracer 0.1.0"));
    for expected in events {
        assert_eq!(reader.next(), Some(expected));
    }
    assert_eq!(reader.next(), None);
    assert!(reader.damage().is_none());
}

#[test]
fn format_1_0_is_read() {
    check(&v1_0(), "1.0", events::events());
}

#[test]
fn format_2_0_is_read() {
    let events = events::events().into_iter().chain(events::ranges());
    check(&bytes(V2_0), "2.0", events);
}

#[test]
fn the_index_of_format_1_0_is_read() {
    let trace = v1_0();
    let index = Index::of(&trace).expect("a trace");
    assert_eq!(Index::rebuild(&trace), Ok(index.clone()));
    let [first, second] = index.entries.as_slice() else {
        panic!("{index:?}");
    };
    let at = |number: u64| Timestamp(1_000_000_000 + number * 1700);
    let expected = IndexEntry {
        offset: 32,
        blocks: 1,
        events: 8,
        first: at(0),
        last: at(7),
    };
    assert_eq!(*first, expected);
    let expected = IndexEntry {
        offset: second.offset,
        blocks: 1,
        events: 27,
        first: at(8),
        last: at(34),
    };
    assert_eq!(*second, expected);
}
