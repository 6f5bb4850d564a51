//! The maps, the process filter and the loss accounts.

use aya_ebpf::{
    helpers::generated::{bpf_get_current_pid_tgid, bpf_get_smp_processor_id, bpf_ktime_get_ns},
    macros::map,
    maps::{HashMap, LruHashMap, PerCpuArray, PerCpuHashMap, RingBuf},
};
use tracer_ebpf::{FaultKey, Header, Kind, Target};

use crate::{globals, stack::Scratch};

/// Submit without waking the reader: it polls on a timer.
pub(crate) const NO_WAKEUP: u64 = 1;

/// 16 MiB hold 170 000 calls: 0.2 s of the fastest load measured, 20 polls of the reader.
#[map]
pub(crate) static RECORDS: RingBuf = RingBuf::with_byte_size(16 << 20, 0);

/// Who is traced. An agent's cap on targets is the size of this map.
#[map]
static TARGETS: HashMap<u32, Target> = HashMap::with_max_entries(1024, 0);

/// Entry time of releasing calls by thread; one entry for each thread inside such a call.
#[map]
pub(crate) static IN_CALL: HashMap<u64, u64> = HashMap::with_max_entries(16384, 0);

/// The kind of call each thread is inside; kept by kprobes only, whose returns can be missed.
#[map]
pub(crate) static WITHIN: HashMap<u64, u32> = HashMap::with_max_entries(16384, 0);

/// Fault counts of each CPU, which need no atomic instruction; a stack that finds no room is counted as lost.
#[map]
pub(crate) static FAULTS: PerCpuHashMap<FaultKey, u64> = PerCpuHashMap::with_max_entries(16384, 0);

/// Stacks already sent. A forgotten one is sent again, which costs space but no truth.
#[map]
pub(crate) static STACKS: LruHashMap<u64, u32> = LruHashMap::with_max_entries(65536, 0);

/// Events of each kind that passed the process filter.
#[map]
static SEEN: PerCpuArray<u64> = PerCpuArray::with_max_entries(Kind::COUNT, 0);

/// Events of each kind dropped at a full ring or map.
#[map]
static LOST: PerCpuArray<u64> = PerCpuArray::with_max_entries(Kind::COUNT, 0);

/// Working memory, a slot for each kind: a program of one kind may be preempted by another's.
#[map]
pub(crate) static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(Kind::COUNT, 0);

/// The thread an event comes from.
#[derive(Clone, Copy)]
pub(crate) struct Thread {
    pub(crate) tgid: u32,
    pub(crate) tid: u32,
}

impl Thread {
    /// Key of per-thread maps.
    pub(crate) const fn key(self) -> u64 {
        (self.tgid as u64) << 32 | self.tid as u64
    }
}

/// The current thread.
#[inline(always)]
pub(crate) fn current_thread() -> Thread {
    // SAFETY: the helper has no preconditions.
    let both = unsafe { bpf_get_current_pid_tgid() };
    Thread {
        tgid: (both >> 32) as u32,
        tid: both as u32,
    }
}

/// The current thread and what is known of its process, if the process is traced.
#[inline(always)]
pub(crate) fn traced() -> Option<(Thread, &'static Target)> {
    let thread = current_thread();
    if !may_be_traced(thread.tgid) {
        return None;
    }
    // SAFETY: entries change only before the first and after the last event of a process.
    let target = unsafe { TARGETS.get(&thread.tgid) }?;
    Some((thread, target))
}

/// Ends the recording of a process that has ended.
#[inline(always)]
pub(crate) fn forget(tgid: u32) {
    if may_be_traced(tgid) {
        // Most were never traced.
        let _ = TARGETS.remove(&tgid);
    }
}

/// What can be told without looking into a map.
#[inline(always)]
fn may_be_traced(tgid: u32) -> bool {
    let only = globals::only_tgid();
    only == 0 || u64::from(tgid) == only
}

/// Tells the stacks of the new program of a process from those of the old one.
#[inline(always)]
pub(crate) fn next_epoch(thread: Thread) {
    if let Some(target) = TARGETS.get_ptr_mut(&thread.tgid) {
        // SAFETY: a process has one thread when it executes, and no other CPU writes the entry.
        unsafe { (*target).epoch += 1 };
    }
}

/// Counts an event that passed the filter.
#[inline(always)]
pub(crate) fn count_seen(kind: Kind) {
    count(&SEEN, kind);
}

/// Counts an event that found no room.
#[inline(always)]
pub(crate) fn count_lost(kind: Kind) {
    count(&LOST, kind);
}

#[inline(always)]
fn count(counters: &PerCpuArray<u64>, kind: Kind) {
    if let Some(counter) = counters.get_ptr_mut(u32::from(kind.0)) {
        // SAFETY: the slot is this CPU's own and lives as long as the map.
        unsafe { *counter += 1 };
    }
}

/// The header of a record made now.
#[inline(always)]
pub(crate) fn header(kind: Kind, thread: Thread, stack: u64) -> Header {
    Header {
        kind: kind.0,
        // SAFETY: the helper has no preconditions.
        cpu: unsafe { bpf_get_smp_processor_id() } as u16,
        tid: thread.tid,
        tgid: thread.tgid,
        reserved: 0,
        time_ns: now(),
        stack,
    }
}

/// Monotonic clock, nanoseconds.
#[inline(always)]
pub(crate) fn now() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_ktime_get_ns() }
}
