//! What is counted by stack instead of told one by one.

use aya_ebpf::{bindings::BPF_NOEXIST, macros::map, maps::PerCpuHashMap};
use tracer_ebpf::{AllocationCount, AllocationKey, FaultKey, SumCount, SumKey};

/// Fault counts of each CPU, which need no atomic instruction; a stack that finds no room is counted as lost.
#[map]
pub(crate) static FAULTS: PerCpuHashMap<FaultKey, u64> = PerCpuHashMap::with_max_entries(16384, 0);

/// Allocations of each CPU, likewise.
#[map]
pub(crate) static ALLOCATIONS: PerCpuHashMap<AllocationKey, AllocationCount> =
    PerCpuHashMap::with_max_entries(8192, 0);

/// Calls of each CPU that the ring had no room for, likewise; for a stack without room they are only lost.
#[map]
pub(crate) static SUMS: PerCpuHashMap<SumKey, SumCount> = PerCpuHashMap::with_max_entries(4096, 0);

/// What a new entry begins with, in memory of the object: the 512 bytes of stack are nearly used up.
///
/// Statics, which have a place of their own: a constant may share that of one that user space sets.
pub(crate) static NO_FAULTS: u64 = 0;
pub(crate) static NO_ALLOCATIONS: AllocationCount = AllocationCount {
    spans: 0,
    bytes: 0,
    took_ns: 0,
};
pub(crate) static NO_CALLS: SumCount = SumCount {
    count: 0,
    failed: 0,
    bytes: 0,
};

/// Changes what this CPU has counted under `key`, from `none` where that is new; false without room.
#[inline(always)]
pub(crate) fn count<K, V>(
    map: &PerCpuHashMap<K, V>,
    key: &K,
    none: &'static V,
    change: impl Fn(&mut V),
) -> bool {
    if change_existing(map, key, &change) {
        return true;
    }
    // Of two CPUs that insert at once, one finds the other's entry.
    let _ = map.insert(key, none, u64::from(BPF_NOEXIST));
    change_existing(map, key, &change)
}

#[inline(always)]
fn change_existing<K, V>(map: &PerCpuHashMap<K, V>, key: &K, change: impl Fn(&mut V)) -> bool {
    let Some(value) = map.get_ptr_mut(key) else {
        return false;
    };
    // SAFETY: the value is this CPU's own and lives as long as the map.
    change(unsafe { &mut *value });
    true
}
