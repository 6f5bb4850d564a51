//! The Go runtime's structures in memory that a hostile process forged.
#![no_main]

use std::cell::Cell;

use libfuzzer_sys::fuzz_target;
use tracer_core::event::FoundBy;
use tracer_user::go::runtime::{
    Arch, Globals, Layout, Memory, Profile, Unreadable, read_goroutines, read_heap, read_spans,
};

/// The input, over and over: all pointers lead somewhere, lists never end.
struct Forged<'d> {
    bytes: &'d [u8],
    left: Cell<usize>,
}

impl Memory for Forged<'_> {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        let length = into.len();
        let left = self.left.get().checked_sub(length);
        self.left.set(left.ok_or(Unreadable { address, length })?);
        let len = self.bytes.len();
        let mut at = address as usize % len;
        for byte in into {
            *byte = self.bytes[at];
            at = if at + 1 == len { 0 } else { at + 1 };
        }
        Ok(())
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((minor, bytes)) = data.split_first().filter(|(_, bytes)| !bytes.is_empty()) else {
        return;
    };
    let Some(layout) = Layout::of(11 + u32::from(*minor) % 17, Arch::Amd64) else {
        return;
    };
    let globals = Globals {
        layout,
        found_by: FoundBy::Symbols,
        heap: 0,
        stats: 1 << 20,
        controller: Some(2 << 20),
        gc_percent: Some(3 << 20),
        all_gs: 4 << 20,
        all_ps: 5 << 20,
        sched: Some(6 << 20),
        gc_phase: None,
        profile: Profile::default(),
        finalizer_queue: Vec::new(),
        pools: Vec::new(),
    };
    let left = Cell::new(4 << 20);
    let memory = Forged { bytes, left };
    if let Ok(heap) = read_heap(&memory, &globals, None, true) {
        assert!(heap.census.object_bytes <= heap.census.in_use_bytes);
    }
    memory.left.set(4 << 20);
    let _ = read_spans(&memory, &globals, true);
    memory.left.set(4 << 20);
    if let Ok(found) = read_goroutines(&memory, &globals, |_| false) {
        assert!(found.groups.len() <= 20_000);
    }
});
