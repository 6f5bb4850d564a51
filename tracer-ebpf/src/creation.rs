//! Goroutines that are created, and by whom.

use core::ffi::c_void;

use tracer_ebpf::{GoroutineRecord, Kind};

use crate::{
    goroutine::{self, user_word},
    maps::{self, count_lost, count_seen, traced},
    registers,
    rings::{header, ring},
    stack,
};

/// `runtime.newproc1` has made a goroutine. It runs on the system stack of the goroutine that asks.
#[inline(always)]
pub(crate) fn created(saved: *const c_void) {
    let Some((thread, armed)) = traced() else {
        return;
    };
    let Some(target) = maps::target(thread) else {
        return;
    };
    let wakeup = count_seen(Kind::GOROUTINE);
    let created = registers::read(saved).and_then(|user| {
        let g = if target.new_g == 0 {
            user.first_result()
        } else {
            user_word(user.sp().wrapping_add(u64::from(target.new_g)))?
        };
        Some((user, goroutine::number(target, g)?))
    });
    let Some((user, goroutine)) = created else {
        return count_lost(Kind::GOROUTINE);
    };
    let creator = goroutine::current(target).unwrap_or(0);
    let stack = stack::capture(Kind::GOROUTINE, thread, armed, &user).unwrap_or(0);
    let Some(mut record) = ring().reserve::<GoroutineRecord>(0) else {
        return count_lost(Kind::GOROUTINE);
    };
    record.write(GoroutineRecord {
        header: header(Kind::GOROUTINE, thread, stack),
        goroutine,
        creator,
    });
    record.submit(wakeup);
}
