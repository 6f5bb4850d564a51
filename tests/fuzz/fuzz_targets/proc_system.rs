//! The files of the machine: mounts, as containers may shape them, and the kernel's release.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_user::proc::{mounts, release};

fuzz_target!(|text: &[u8]| {
    let lines = text.split(|byte| *byte == b'\n').count();
    assert!(mounts::parse(text).len() <= lines);
    let _ = release::parse(text);
});
