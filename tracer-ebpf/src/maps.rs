//! The process filter, the loss accounts, and what is remembered from one event to the next.

use aya_ebpf::{
    helpers::generated::{bpf_get_current_pid_tgid, bpf_ktime_get_ns},
    macros::map,
    maps::{Array, HashMap, PerCpuArray},
};
use tracer_ebpf::{Account, Armed, Kind, Target};

use crate::{
    globals,
    rings::{FORCE_WAKEUP, NO_WAKEUP},
    stack::Scratch,
};

/// So many events of a kind on one CPU wake the reader once: with as many on each of 64 CPUs the ring
/// is not yet full. A wake-up costs the target some microseconds.
const WAKES: u64 = 2048;

/// What is known of the traced processes. An agent's cap on targets is the size of this map.
#[map]
static TARGETS: HashMap<u32, Target> = HashMap::with_max_entries(1024, 0);

/// Of the only process traced: whether it is, and which version of its `Target` holds. The look into
/// `TARGETS` costs 20 ns, with each event.
#[map]
static ARMED: Array<Armed> = Array::with_max_entries(1, 0);

/// Slots of `IN_CALL`, a power of two.
const IN_CALL_SLOTS: u32 = 1 << 14;

/// Releasing calls that have not returned: a slot for each thread, by the low bits of its number.
///
/// A hash table costs 0.2 µs more for each call. Of two threads in one slot the first one's call is
/// reported without its time of entry.
#[map]
static IN_CALL: Array<InCall> = Array::with_max_entries(IN_CALL_SLOTS, 0);

/// Slots of `SENT`, a power of two.
const SENT_SLOTS: u32 = 1 << 16;

/// Stacks already sent, each in one of two slots that its hash names. A forgotten one is sent again,
/// which costs space but no truth; so nothing has to be freed, and nothing locked.
#[map]
static SENT: Array<u64> = Array::with_max_entries(SENT_SLOTS, 0);

/// The kind of call each thread is inside; kept by kprobes only, whose returns can be missed.
#[map]
pub(crate) static WITHIN: HashMap<u64, u32> = HashMap::with_max_entries(16384, 0);

/// What became of the events of each kind.
#[map]
static ACCOUNTS: PerCpuArray<Account> = PerCpuArray::with_max_entries(Kind::COUNT, 0);

/// When user space last read the accounts.
#[map]
static READ_AT: Array<u64> = Array::with_max_entries(1, 0);

/// Working memory, a slot for each kind: a program of one kind may be preempted by another's.
#[map]
pub(crate) static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(Kind::COUNT, 0);

/// A releasing call that has not returned.
#[derive(Clone, Copy)]
#[repr(C)]
struct InCall {
    /// `Thread::key`, 0 when nobody is inside.
    thread: u64,
    /// When it began.
    entered_ns: u64,
}

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

/// The current thread and what holds for its process, if the process is traced.
#[inline(always)]
pub(crate) fn traced() -> Option<(Thread, Armed)> {
    let thread = current_thread();
    if !may_be_traced(thread.tgid) {
        return None;
    }
    let armed = if globals::only_tgid() == 0 {
        target(thread)?.armed
    } else {
        let armed = ARMED.get_ptr(0)?;
        // SAFETY: the entry lives as long as the map, and is read and written as one word.
        unsafe { armed.read_volatile() }
    };
    (armed.version != 0).then_some((thread, armed))
}

/// What is known of a traced process.
#[inline(always)]
pub(crate) fn target(thread: Thread) -> Option<&'static Target> {
    // SAFETY: an entry is replaced as a whole; only its `armed` changes in place.
    unsafe { TARGETS.get(&thread.tgid) }
}

/// Ends the recording of a process that has ended.
#[inline(always)]
pub(crate) fn forget(tgid: u32) {
    if may_be_traced(tgid) {
        if globals::only_tgid() != 0
            && let Some(armed) = ARMED.get_ptr_mut(0)
        {
            // SAFETY: the entry lives as long as the map.
            unsafe { armed.write_volatile(Armed::default()) };
        }
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
    let armed = if globals::only_tgid() == 0 {
        let target = TARGETS.get_ptr_mut(&thread.tgid);
        // SAFETY: the entry exists, and its place is not read here.
        target.map(|target| unsafe { &raw mut (*target).armed })
    } else {
        ARMED.get_ptr_mut(0)
    };
    if let Some(armed) = armed {
        // SAFETY: a process has one thread when it executes, and no other CPU writes the entry.
        unsafe { (*armed).epoch += 1 };
    }
}

/// Notes that the thread's releasing call begins.
#[inline(always)]
pub(crate) fn enter_call(thread: Thread) {
    if let Some(slot) = IN_CALL.get_ptr_mut(thread.tid & (IN_CALL_SLOTS - 1)) {
        let call = InCall {
            thread: thread.key(),
            entered_ns: now(),
        };
        // SAFETY: the slot lives as long as the map, and any value in it is valid.
        unsafe { slot.write(call) };
    }
}

/// When the releasing call of the thread began, 0 when unknown; it is over now.
#[inline(always)]
pub(crate) fn leave_call(thread: Thread) -> u64 {
    let Some(slot) = IN_CALL.get_ptr_mut(thread.tid & (IN_CALL_SLOTS - 1)) else {
        return 0;
    };
    // SAFETY: the slot lives as long as the map, and any value in it is valid.
    let slot = unsafe { &mut *slot };
    if slot.thread != thread.key() {
        return 0;
    }
    slot.thread = 0;
    slot.entered_ns
}

/// Whether the stack was sent, and is not forgotten.
#[inline(always)]
pub(crate) fn was_sent(hash: u64) -> bool {
    let [first, second] = sent_slots(hash);
    sent_at(first) == hash || sent_at(second) == hash
}

/// Remembers that the stack was sent, in an empty slot where there is one.
#[inline(always)]
pub(crate) fn remember_sent(hash: u64) {
    let [first, second] = sent_slots(hash);
    let slot = if sent_at(first) == 0 { first } else { second };
    if let Some(sent) = SENT.get_ptr_mut(slot) {
        // SAFETY: the slot lives as long as the map; a word is written at once.
        unsafe { sent.write_volatile(hash) };
    }
}

#[inline(always)]
const fn sent_slots(hash: u64) -> [u32; 2] {
    let mask = SENT_SLOTS - 1;
    [hash as u32 & mask, (hash >> 16) as u32 & mask]
}

#[inline(always)]
fn sent_at(slot: u32) -> u64 {
    let Some(sent) = SENT.get_ptr(slot) else {
        return 0;
    };
    // SAFETY: the slot lives as long as the map; a word is read at once.
    unsafe { sent.read_volatile() }
}

/// Counts an event that passed the filter; returns whether its record wakes the reader.
#[inline(always)]
pub(crate) fn count_seen(kind: Kind) -> u64 {
    let Some(account) = ACCOUNTS.get_ptr_mut(u32::from(kind.0)) else {
        return NO_WAKEUP;
    };
    // SAFETY: the slot is this CPU's own and lives as long as the map.
    let account = unsafe { &mut *account };
    account.seen += 1;
    if account.seen % WAKES == 0 {
        FORCE_WAKEUP
    } else {
        NO_WAKEUP
    }
}

/// Counts an event that found no room.
#[inline(always)]
pub(crate) fn count_lost(kind: Kind) {
    let Some(account) = ACCOUNTS.get_ptr_mut(u32::from(kind.0)) else {
        return;
    };
    // SAFETY: the slot is this CPU's own and lives as long as the map.
    let account = unsafe { &mut *account };
    let now = now();
    if account.last_lost_ns < read_at() {
        account.first_lost_ns = now;
    }
    account.last_lost_ns = now;
    account.lost += 1;
}

/// Counts an event that is seen, and cannot be told.
#[inline(always)]
pub(crate) fn count_untold(kind: Kind) {
    count_seen(kind);
    count_lost(kind);
}

#[inline(always)]
fn read_at() -> u64 {
    let Some(at) = READ_AT.get_ptr(0) else {
        return 0;
    };
    // SAFETY: the slot lives as long as the map; a word is read at once.
    unsafe { at.read_volatile() }
}

/// Monotonic clock, nanoseconds, down to a multiple of 16.
///
/// The rest is noise, since taking a stack alone takes 100 ns, and in a trace noise is what takes most.
#[inline(always)]
pub(crate) fn now() -> u64 {
    // SAFETY: the helper has no preconditions.
    let time = unsafe { bpf_ktime_get_ns() };
    time & !15
}
