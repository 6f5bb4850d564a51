//! Raw tracepoints: page faults and the life cycle.

use core::ffi::c_void;

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};

use crate::{fault, life};

/// `exceptions:page_fault_user(address, regs, error_code)`, x86.
#[raw_tracepoint]
fn page_fault_user(ctx: RawTracePointContext) -> i32 {
    fault::faulted(ctx.arg(2));
    0
}

/// `sched:sched_process_exec(task, old_pid, bprm)`.
#[raw_tracepoint]
fn process_exec(ctx: RawTracePointContext) -> i32 {
    life::executed(&ctx);
    0
}

/// `sched:sched_process_fork(parent, child)`.
#[raw_tracepoint]
fn process_fork(ctx: RawTracePointContext) -> i32 {
    life::forked(&ctx, ctx.arg::<*const c_void>(1));
    0
}

/// `sched:sched_process_exit(task)`.
#[raw_tracepoint]
fn process_exit(ctx: RawTracePointContext) -> i32 {
    life::exited(&ctx);
    0
}
