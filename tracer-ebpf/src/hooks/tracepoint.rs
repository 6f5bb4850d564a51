//! `syscalls:sys_{enter,exit}_*`: one program each, attached to every call's tracepoint.

use aya_ebpf::{EbpfContext as _, macros::tracepoint, programs::TracePointContext};

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
    let result = ctx.as_ptr().wrapping_byte_add(RET).cast::<i64>();
    // SAFETY: every `sys_exit_*` event has its 8-byte result there. Read without a helper, which
    // would cost as much as all else that is done for processes that are not traced.
    call::returned(None, unsafe { result.read() });
    0
}
