//! `/proc/PID/maps`, with file names as the target chose them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_user::proc::maps;

fuzz_target!(|text: &[u8]| {
    let lines = text.split(|byte| *byte == b'\n').count();
    assert!(maps::parse(text).len() <= lines);
});
