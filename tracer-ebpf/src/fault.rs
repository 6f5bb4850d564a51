//! First-touch page faults, counted by stack.

use tracer_ebpf::{FaultKey, Kind};

use crate::{
    globals,
    maps::{FAULTS, count_lost, count_seen, traced},
    registers,
    sampler::takes_stack,
    stack,
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
    if add(&key) {
        return;
    }
    // Of two CPUs that insert at once, one finds the other's entry.
    if FAULTS.insert(&key, &1, 1).is_err() && !add(&key) {
        count_lost(Kind::PAGE_FAULT);
    }
}

/// Adds 1 to an existing count.
#[inline(always)]
fn add(key: &FaultKey) -> bool {
    let Some(count) = FAULTS.get_ptr_mut(key) else {
        return false;
    };
    // SAFETY: the value is this CPU's own and lives as long as the map.
    unsafe { *count += 1 };
    true
}
