//! Of which events the stack is taken.

use aya_ebpf::{helpers::generated::bpf_get_prandom_u32, macros::map, maps::PerCpuArray};
use tracer_ebpf::{Kind, sampling::is_taken};

use crate::globals;

/// For each kind, the bytes up to the next one whose event is taken.
#[map]
static LEFT: PerCpuArray<u64> = PerCpuArray::with_max_entries(Kind::COUNT, 0);

/// Whether the stack of an event is taken; events without `bytes` are not sampled.
#[inline(always)]
pub(crate) fn takes_stack(kind: Kind, bytes: impl FnOnce() -> Option<u64>) -> bool {
    let mean = globals::sample_bytes();
    // Constant for the verifier, which then checks nothing of what follows.
    if mean == 0 {
        return true;
    }
    let Some(bytes) = bytes() else { return true };
    let Some(left) = LEFT.get_ptr_mut(u32::from(kind.0)) else {
        return true;
    };
    // SAFETY: the slot is this CPU's own and lives as long as the map.
    let left = unsafe { &mut *left };
    // SAFETY: the helper has no preconditions.
    is_taken(left, bytes, mean, || unsafe { bpf_get_prandom_u32() })
}
