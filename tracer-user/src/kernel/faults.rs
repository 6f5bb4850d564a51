//! Fault counts: the kernel's totals by stack, turned into differences.

use std::collections::HashMap;

use aya::{
    Pod,
    maps::{MapData, PerCpuHashMap},
};
use tracer_core::event::{Access, Faults, StackId};
use tracer_ebpf::FaultKey;

/// A fault key that may cross into a map.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Key(FaultKey);

// SAFETY: `FaultKey` is made of integers without padding.
unsafe impl Pod for Key {}

/// Reads the counts and remembers what was passed on.
///
/// As many entries as the kernel's map has: at most 16 384.
pub(super) struct FaultCounts {
    map: PerCpuHashMap<MapData, Key, u64>,
    passed_on: HashMap<(u64, u32), u64>,
}

impl FaultCounts {
    pub(super) fn new(map: PerCpuHashMap<MapData, Key, u64>) -> Self {
        Self {
            map,
            passed_on: HashMap::new(),
        }
    }

    /// What was counted since the last call, in the order of stacks.
    pub(super) fn take(&mut self) -> Vec<Faults> {
        let mut fresh = Vec::new();
        for (Key(key), values) in self.map.iter().filter_map(Result::ok) {
            let total: u64 = values.iter().sum();
            let before = self.passed_on.entry((key.stack, key.access)).or_default();
            // The map may be read while an entry appears twice; counts never fall.
            let count = total.saturating_sub(*before);
            if count > 0 {
                *before = total;
                let access = match key.access {
                    1 => Access::Write,
                    2 => Access::Execute,
                    _ => Access::Read,
                };
                let stack = (key.stack != 0).then_some(StackId(key.stack));
                fresh.push(Faults {
                    stack,
                    access,
                    count,
                });
            }
        }
        fresh.sort_by_key(|fault| (fault.stack, fault.access));
        fresh
    }

    /// All that each CPU has counted, once nothing counts any more.
    pub(super) fn by_cpu(&self) -> Vec<u64> {
        let mut sums = Vec::new();
        for (_, values) in self.map.iter().filter_map(Result::ok) {
            sums.resize(sums.len().max(values.len()), 0);
            for (sum, value) in sums.iter_mut().zip(values.iter()) {
                *sum += value;
            }
        }
        sums
    }
}
