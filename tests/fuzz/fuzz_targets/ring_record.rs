//! A record of the kernel's ring buffer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_user::kernel::decode;

fuzz_target!(|bytes: &[u8]| {
    if let Some(record) = decode::decode(bytes) {
        assert!(decode::decode(&bytes[..0]).is_none());
        let _ = format!("{record:?}");
    }
});
