//! Places in the target's own code. Never a uretprobe: it would break Go.

use aya_ebpf::{EbpfContext as _, macros::uprobe, programs::ProbeContext};

use crate::{allocation, creation};

/// Where `runtime.newproc1` has a new goroutine ready.
#[uprobe]
fn up_goroutine(ctx: ProbeContext) -> u32 {
    creation::created(ctx.as_ptr());
    0
}

/// Where `runtime.(*mcache).refill` begins.
#[uprobe]
fn up_span(ctx: ProbeContext) -> u32 {
    allocation::span(ctx.as_ptr());
    0
}

/// Where `runtime.(*mcache).allocLarge` begins, or what came before it.
#[uprobe]
fn up_large(ctx: ProbeContext) -> u32 {
    allocation::large(ctx.as_ptr());
    0
}
