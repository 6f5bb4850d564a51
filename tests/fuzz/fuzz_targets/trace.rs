//! A trace file as somebody may hand it in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_core::trace::{Index, Reader};

fuzz_target!(|file: &[u8]| {
    let Ok(mut reader) = Reader::new(file) else {
        assert!(Index::of(file).is_err());
        return;
    };
    let events = reader.by_ref().count() as u64;
    assert!(reader.damage().skipped_bytes <= file.len() as u64);
    let index = Index::rebuild(file).expect("as the reader");
    let indexed: u64 = index.entries.iter().map(|entry| entry.events).sum();
    assert_eq!(indexed, events);
    let _ = Index::of(file);
});
