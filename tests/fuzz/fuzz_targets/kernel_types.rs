//! The kernel's type information.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer_user::kernel::KernelTypes;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(types) = KernelTypes::parse(bytes) {
        let _ = types.offset_of("task_struct", "thread.fsbase");
        let _ = types.has_enumerator("BPF_TRACE_FENTRY");
    }
});
