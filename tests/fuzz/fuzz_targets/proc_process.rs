//! The small files of a process: its names and its environment are its own choice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_user::proc::{environ, executable, fds, stat, status};

fuzz_target!(|text: &[u8]| {
    let _ = stat::parse(text);
    let _ = status::parse(text);
    let _ = environ::parse_godebug(text);
    let _ = fds::parse(text);
    let _ = executable::describe(&["x"], text);
});
