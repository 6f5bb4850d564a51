//! A trace file as somebody may hand it in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_core::trace::{Index, Reader};

fuzz_target!(|file: &[u8]| {
    let Ok(mut reader) = Reader::new(file) else {
        return;
    };
    let events = reader.by_ref().count();
    let damage = reader.damage();
    assert!(damage.skipped_bytes <= file.len() as u64);
    assert!(!damage.is_none() || events == 0 || damage.complete);
    let _ = Index::of(file);
});
