//! Exec, fork and exit of the traced process.

use core::ffi::c_void;

use aya_ebpf::{EbpfContext, helpers::bpf_probe_read_kernel};
use aya_log_ebpf::{debug, warn};
use tracer_ebpf::{Kind, LifeRecord};

use crate::{
    call, globals,
    maps::{
        Thread, count_lost, count_seen, current_thread, forget, leave_call, next_epoch, traced,
    },
    rings::{FORCE_WAKEUP, header, ring},
};

/// The current process replaced its program.
#[inline(always)]
pub(crate) fn executed<C: EbpfContext>(ctx: &C) {
    let Some((thread, _)) = traced() else { return };
    debug!(ctx, "exec of {}", thread.tgid);
    next_epoch(thread);
    send(ctx, Kind::EXEC, thread, 0);
}

/// The current process made the task `child`: a thread, or a process that is not traced.
#[inline(always)]
pub(crate) fn forked<C: EbpfContext>(ctx: &C, child: *const c_void) {
    let tgid = child
        .wrapping_byte_add(globals::task_tgid() as usize)
        .cast::<u32>();
    // SAFETY: the helper checks the address.
    let Ok(tgid) = (unsafe { bpf_probe_read_kernel(tgid) }) else {
        return;
    };
    if tgid == current_thread().tgid {
        return;
    }
    // The number of a traced process can only be given away after its end.
    forget(tgid);
    if let Some((thread, _)) = traced() {
        send(ctx, Kind::FORK, thread, u64::from(tgid));
    }
}

/// A thread of the current process ends.
#[inline(always)]
pub(crate) fn exited<C: EbpfContext>(ctx: &C) {
    let Some((thread, _)) = traced() else { return };
    // Even a killed thread returns from its call first.
    call::count_missed(thread);
    // A thread killed inside a call never returns from it.
    leave_call(thread);
    send(ctx, Kind::EXIT, thread, 0);
}

#[inline(always)]
fn send<C: EbpfContext>(ctx: &C, kind: Kind, thread: Thread, value: u64) {
    let wakeup = count_seen(kind);
    let Some(mut record) = ring().reserve::<LifeRecord>(0) else {
        warn!(
            ctx,
            "ring full: {} lost an event of kind {}", thread.tgid, kind.0
        );
        return count_lost(kind);
    };
    record.write(LifeRecord {
        header: header(kind, thread, 0),
        value,
    });
    // A new program is looked at while it is still there.
    record.submit(if kind == Kind::EXEC {
        FORCE_WAKEUP
    } else {
        wakeup
    });
}
