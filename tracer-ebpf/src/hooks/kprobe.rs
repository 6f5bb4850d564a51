//! `__x64_sys_*` by kprobe and kretprobe: one program each, attached to every call's function.

use aya_ebpf::{
    macros::{kprobe, kretprobe},
    programs::{ProbeContext, RetProbeContext},
};

use crate::call;

#[kprobe]
fn kp_enter(_ctx: ProbeContext) -> u32 {
    call::begun();
    0
}

#[kretprobe]
fn kp_return(ctx: RetProbeContext) -> u32 {
    call::ended();
    call::returned(None, ctx.ret());
    0
}
