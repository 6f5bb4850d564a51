//! The rings of records, and what every record starts with.

use aya_ebpf::{helpers::generated::bpf_get_smp_processor_id, macros::map, maps::RingBuf};
use tracer_ebpf::{Header, Kind};

use crate::{
    globals,
    maps::{Thread, now},
};

/// `BPF_RB_NO_WAKEUP`: the reader is not woken. It looks at a busy ring on a timer.
pub(crate) const NO_WAKEUP: u64 = 1;

/// `BPF_RB_FORCE_WAKEUP`: for a reader that sleeps, because the ring was quiet.
pub(crate) const FORCE_WAKEUP: u64 = 2;

/// Rings of records, of which each CPU writes to one: CPUs that share a ring wait for its lock.
///
/// User space gives room to as many as `ring_mask` says.
#[map]
static RECORDS_0: RingBuf = RingBuf::with_byte_size(4096, 0);
#[map]
static RECORDS_1: RingBuf = RingBuf::with_byte_size(4096, 0);
#[map]
static RECORDS_2: RingBuf = RingBuf::with_byte_size(4096, 0);
#[map]
static RECORDS_3: RingBuf = RingBuf::with_byte_size(4096, 0);

/// The ring of this CPU.
#[inline(always)]
pub(crate) fn ring() -> &'static RingBuf {
    match u64::from(cpu()) & globals::ring_mask() {
        0 => &RECORDS_0,
        1 => &RECORDS_1,
        2 => &RECORDS_2,
        _ => &RECORDS_3,
    }
}

#[inline(always)]
fn cpu() -> u32 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_get_smp_processor_id() }
}

/// The header of a record made now.
#[inline(always)]
pub(crate) fn header(kind: Kind, thread: Thread, stack: u64) -> Header {
    Header {
        kind: kind.0,
        cpu: cpu() as u16,
        tid: thread.tid,
        tgid: thread.tgid,
        reserved: 0,
        time_ns: now(),
        stack,
    }
}
