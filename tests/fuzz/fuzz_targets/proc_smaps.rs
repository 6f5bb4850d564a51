//! `/proc/PID/smaps` and `smaps_rollup`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_user::proc::{memory, smaps};

fuzz_target!(|text: &[u8]| {
    let lines = text.split(|byte| *byte == b'\n').count();
    assert!(smaps::parse(text).len() <= lines);
    let _ = smaps::tells_lazy_free(text);
    let _ = memory::parse_rollup(text, None);
    let _ = memory::parse_rollup(text, Some(u64::MAX));
});
