//! Places in the target's own code. Never a uretprobe: it would break Go.

use aya_ebpf::{EbpfContext as _, macros::uprobe, programs::ProbeContext};

use crate::creation;

/// Where `runtime.newproc1` has a new goroutine ready.
#[uprobe]
fn up_goroutine(ctx: ProbeContext) -> u32 {
    creation::created(ctx.as_ptr());
    0
}
