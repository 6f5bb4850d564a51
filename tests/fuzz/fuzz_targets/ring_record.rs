//! A record of the kernel's ring buffer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_user::kernel::decode::{Content, decode};

fuzz_target!(|bytes: &[u8]| {
    let Some(record) = decode(bytes) else {
        return;
    };
    if let Content::Stack(stack) = record.content {
        assert!(stack.addresses.len() <= bytes.len() / 8);
    }
});
