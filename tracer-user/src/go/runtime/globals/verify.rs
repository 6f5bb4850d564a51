//! What a variable must hold to be believed.

use super::super::layout::{Layout, PAGE};
use super::super::memory::{Memory, Slice};

/// The heap, and the statistics that it points to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Heap {
    pub(super) heap: u64,
    pub(super) stats: u64,
}

/// Spans, goroutines and processors that are looked at.
const SAMPLE: u64 = 16;

/// Processors of the largest machines; Go itself knows no limit.
const MAX_PROCESSORS: u64 = 4096;

/// The highest state of a span: free, up to Go 1.12.
const MAX_STATE: u8 = 3;

/// The highest status of a goroutine: ready for a thread that C makes, from Go 1.26 on.
const MAX_STATUS: u32 = 11;

/// `mheap_`: its first spans are spans, and its allocators point into one and the same `memstats`.
pub(super) fn heap<M: Memory + ?Sized>(memory: &M, layout: &Layout, at: u64) -> Option<Heap> {
    let word = |offset: u64| memory.word(at.checked_add(offset)?).ok();
    let all = memory.slice(at.checked_add(layout.heap.all_spans)?)?;
    let mut in_use = false;
    for index in 0..all.len.min(SAMPLE) {
        in_use |= span(memory, layout, element(memory, all, index)?)?;
    }
    let stats = word(layout.heap.span_stat)?.checked_sub(layout.stats.mspan_sys)?;
    let same = word(layout.heap.cache_stat)?.checked_sub(layout.stats.mcache_sys)?;
    let heap = at;
    (in_use && stats == same && stats.is_multiple_of(8)).then_some(Heap { heap, stats })
}

/// Whether a span is in use; `None` for what is no span.
fn span<M: Memory + ?Sized>(memory: &M, layout: &Layout, at: u64) -> Option<bool> {
    let fields = &layout.span;
    let word = |offset: u64| memory.word(at.checked_add(offset)?).ok();
    let state = (word(fields.state)? & 0xff) as u8;
    let (start, pages) = (word(fields.start)?, word(fields.pages)?);
    let possible = state <= MAX_STATE && start.is_multiple_of(PAGE) && pages < 1 << 32;
    let in_use = state == 1;
    if in_use {
        let bytes = pages.checked_mul(PAGE)?;
        let slot = word(fields.slot_bytes)?;
        return (possible && start != 0 && (1..=bytes).contains(&slot)).then_some(true);
    }
    possible.then_some(false)
}

/// `allgs`: what it lists has the status of a goroutine, a number and a stack.
pub(super) fn all_gs<M: Memory + ?Sized>(memory: &M, layout: &Layout, at: u64) -> Option<u64> {
    let all = memory.slice(at)?;
    for index in 0..all.len.min(SAMPLE) {
        goroutine(memory, layout, element(memory, all, index)?)?;
    }
    Some(at)
}

/// As `all_gs`, and the first one is the main goroutine.
pub(super) fn first_gs<M: Memory + ?Sized>(memory: &M, layout: &Layout, at: u64) -> Option<u64> {
    let first = element(memory, memory.slice(at)?, 0)?;
    let main = goroutine(memory, layout, first)? == 1;
    main.then(|| all_gs(memory, layout, at)).flatten()
}

/// Its number; `None` for what is no goroutine.
fn goroutine<M: Memory + ?Sized>(memory: &M, layout: &Layout, at: u64) -> Option<u64> {
    let fields = &layout.g;
    let word = |offset: u64| memory.word(at.checked_add(offset)?).ok();
    let (low, high) = (word(fields.stack_lo)?, word(fields.stack_hi)?);
    // `_Gscan` and one of the small numbers.
    let status = word(fields.status)? as u32;
    let stack = (low == 0 && high == 0) || (low < high && high - low <= 1 << 34);
    let id = word(fields.goid)?;
    (stack && status & !0x1000 <= MAX_STATUS && id < 1 << 48).then_some(id)
}

/// `allp`: the processors are numbered by their place.
pub(super) fn all_ps<M: Memory + ?Sized>(memory: &M, layout: &Layout, at: u64) -> Option<u64> {
    let all = memory.slice(at).filter(|all| all.len <= MAX_PROCESSORS)?;
    for index in 0..all.len {
        let p = element(memory, all, index)?;
        let number = memory.word(p.checked_add(layout.p.id)?).ok()? & 0xffff_ffff;
        let status = memory.word(p.checked_add(layout.p.status)?).ok()? & 0xffff_ffff;
        let cache = memory.word(p.checked_add(layout.p.mcache)?).ok()?;
        if number != index || status > 4 || (cache != 0 && memory.word(cache).is_err()) {
            return None;
        }
    }
    Some(at)
}

/// `sched`: threads that are gone were made, and fewer goroutines than fit are the runtime's.
pub(super) fn sched<M: Memory + ?Sized>(memory: &M, layout: &Layout, at: u64) -> Option<u64> {
    let fields = &layout.sched;
    let word = |offset: u64| memory.word(at.checked_add(offset)?).ok();
    let int = |offset| Some(word(offset)? as i32);
    let (made, gone) = (word(fields.next_m)?, word(fields.freed_ms)?);
    let possible = (1..1 << 31).contains(&made)
        && gone < made
        && int(fields.max_ms)? > 0
        && (0..1 << 16).contains(&int(fields.system_gs)?)
        && int(fields.free_gs)? >= 0;
    possible.then_some(at)
}

/// `gcController`: percent and limit are possible, and the heap consists of whole pages.
pub(super) fn controller<M: Memory + ?Sized>(memory: &M, layout: &Layout, at: u64) -> Option<u64> {
    let fields = &layout.controller;
    let word = |offset: u64| memory.word(at.checked_add(offset)?).ok();
    let percent = word(fields.gc_percent?)? as i32;
    let limited = match fields.memory_limit {
        Some(offset) => word(offset)? as i64 >= 0,
        None => true,
    };
    let whole_pages = match fields.heap_in_use {
        Some(offset) => word(offset)?.is_multiple_of(PAGE),
        None => true,
    };
    let live = word(fields.heap_live?)?;
    (percent >= -1 && limited && whole_pages && live < 1 << 47).then_some(at)
}

/// `gcpercent`: off exactly when the goal is beyond all.
pub(super) fn gc_percent<M: Memory + ?Sized>(
    memory: &M,
    layout: &Layout,
    stats: u64,
    at: u64,
) -> Option<u64> {
    let percent = memory.word(at).ok()? as i32;
    let goal = memory
        .word(stats.checked_add(layout.stats.next_gc?)?)
        .ok()?;
    (percent >= -1 && (percent == -1) == (goal == u64::MAX)).then_some(at)
}

fn element<M: Memory + ?Sized>(memory: &M, all: Slice, index: u64) -> Option<u64> {
    let pointer = memory.word(all.pointer.checked_add(index * 8)?).ok()?;
    (pointer != 0 && pointer.is_multiple_of(8)).then_some(pointer)
}
