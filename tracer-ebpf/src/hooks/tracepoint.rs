//! `syscalls:sys_{enter,exit}_*`: one program each, attached to every call's tracepoint.

use aya_ebpf::{macros::tracepoint, programs::TracePointContext};

use crate::call;

/// Offset of `ret` in `sys_exit_*` (events/syscalls/sys_exit_mmap/format, all kernels).
const RET: usize = 16;

#[tracepoint]
fn tp_enter(_ctx: TracePointContext) -> u32 {
    call::entered();
    0
}

#[tracepoint]
fn tp_return(ctx: TracePointContext) -> u32 {
    // SAFETY: every `sys_exit_*` event has its 8-byte result there.
    if let Ok(result) = unsafe { ctx.read_at::<i64>(RET) } {
        call::returned(None, result);
    }
    0
}
