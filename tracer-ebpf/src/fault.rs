//! First-touch page faults, counted by stack.

use tracer_ebpf::{FaultKey, Kind};

use crate::{
    globals,
    maps::{count_lost, count_seen, traced},
    registers,
    sampler::takes_stack,
    stack,
    sums::{FAULTS, NO_FAULTS, count},
};

/// x86 `enum x86_pf_error_code`.
const PROTECTION: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;
const INSTRUCTION: u64 = 1 << 4;

/// Counts a fault of user code with the CPU's `error_code`.
#[inline(always)]
pub(crate) fn faulted(error_code: u64) {
    // A page that is there but protected adds no page.
    if error_code & PROTECTION != 0 {
        return;
    }
    let Some((thread, armed)) = traced() else {
        return;
    };
    count_seen(Kind::PAGE_FAULT);
    let access = if error_code & INSTRUCTION != 0 {
        2
    } else if error_code & WRITE != 0 {
        1
    } else {
        0
    };
    let stack = if takes_stack(Kind::PAGE_FAULT, || Some(globals::page_size())) {
        let Some(user) = registers::current() else {
            return count_lost(Kind::PAGE_FAULT);
        };
        stack::capture(Kind::PAGE_FAULT, thread, armed, &user).unwrap_or(0)
    } else {
        0
    };
    let key = FaultKey {
        stack,
        tgid: thread.tgid,
        access,
    };
    if !count(&FAULTS, &key, &NO_FAULTS, |faults| *faults += 1) {
        count_lost(Kind::PAGE_FAULT);
    }
}
