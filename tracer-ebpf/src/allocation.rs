//! Memory that Go's heap hands out, span by span, counted by the stack that allocates.
//!
//! An allocation comes by here when the span that its thread keeps for such objects is used up, so
//! a stack is seen once for each span that it fills; and for each object with a span of its own.

use core::ffi::c_void;

use tracer_ebpf::{AllocationKey, Kind, LARGE_OBJECT, Target};

use crate::{
    arch::SavedRegisters,
    goroutine::user_word,
    maps::{self, count_lost, count_seen, traced},
    registers, stack,
    sums::{self, ALLOCATIONS, NO_ALLOCATIONS},
};

/// Where `refill` has its argument on the stack: behind the return address and the receiver.
const AFTER_RECEIVER: u64 = 16;

/// Bytes of a page of Go's heap.
const HEAP_PAGE: u64 = 8192;

/// `(*mcache).refill(spanClass)` begins.
#[inline(always)]
pub(crate) fn span(saved: *const c_void) {
    count(saved, |user, target| {
        let class = if target.large_size == 0 {
            user.second_argument()
        } else {
            user_word(user.sp().wrapping_add(AFTER_RECEIVER))?
        };
        // Of a byte the rest of the word is anything.
        Some((class as u32 & 0xff, 0))
    });
}

/// `(*mcache).allocLarge(size, …)` begins, up to Go 1.15 `largeAlloc(size, …)`.
#[inline(always)]
pub(crate) fn large(saved: *const c_void) {
    count(saved, |user, target| {
        let size = if target.large_size == 0 {
            user.second_argument()
        } else {
            user_word(user.sp().wrapping_add(u64::from(target.large_size)))?
        };
        // A span is made of whole pages.
        Some((
            LARGE_OBJECT,
            size.wrapping_add(HEAP_PAGE - 1) & !(HEAP_PAGE - 1),
        ))
    });
}

/// Counts an allocation of the class and the bytes that `what` reads.
#[inline(always)]
fn count(saved: *const c_void, what: impl FnOnce(&SavedRegisters, &Target) -> Option<(u32, u64)>) {
    let Some((thread, armed)) = traced() else {
        return;
    };
    let Some(target) = maps::target(thread) else {
        return;
    };
    let began = maps::now();
    count_seen(Kind::ALLOCATION);
    let read = registers::read(saved).and_then(|user| {
        let (class, bytes) = what(&user, target)?;
        Some((user, class, bytes))
    });
    let Some((user, class, bytes)) = read else {
        return count_lost(Kind::ALLOCATION);
    };
    let key = AllocationKey {
        stack: stack::capture(Kind::ALLOCATION, thread, armed, &user).unwrap_or(0),
        tgid: thread.tgid,
        class,
    };
    let has_room = sums::count(&ALLOCATIONS, &key, &NO_ALLOCATIONS, |count| {
        count.spans += 1;
        count.bytes = count.bytes.wrapping_add(bytes);
        count.took_ns += maps::now().wrapping_sub(began);
    });
    if !has_room {
        count_lost(Kind::ALLOCATION);
    }
}
