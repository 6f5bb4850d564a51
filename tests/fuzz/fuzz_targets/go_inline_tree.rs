//! Arrays of inlined calls and the tables that lead to them, asked all over the code.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_fuzz::{ask, patch};

fuzz_target!(|input: &[u8]| {
    let areas = ["calls", "records", "pc tables"];
    let Some((mini, file)) = patch::patched(input, &areas) else {
        return;
    };
    let pcs: Vec<u64> = mini.text.clone().step_by(13).collect();
    ask::everything(&file, &pcs);
});
