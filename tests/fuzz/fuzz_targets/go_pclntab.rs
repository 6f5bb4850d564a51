//! pclntab and module data: real ones of each format, patched anywhere.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_fuzz::{ask, patch};

fuzz_target!(|input: &[u8]| {
    let Some((mini, file)) = patch::patched(input, &[]) else {
        return;
    };
    let size = mini.text.end - mini.text.start;
    let inside = (0..24).map(|part| mini.text.start + size * part / 24);
    let pcs: Vec<u64> = inside.chain([0, mini.text.end, u64::MAX]).collect();
    ask::everything(&file, &pcs);
});
