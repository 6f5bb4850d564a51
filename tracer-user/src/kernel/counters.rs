//! The loss accounts: `expected = received + lost` for each kind.

use aya::maps::{MapData, PerCpuArray};
use tracer_core::event::LossCount;
use tracer_ebpf::Kind;

/// The kernel's counters, and our own of what arrived.
pub(super) struct Counters {
    seen: PerCpuArray<MapData, u64>,
    lost: PerCpuArray<MapData, u64>,
    received: Vec<u64>,
}

impl Counters {
    pub(super) fn new(seen: PerCpuArray<MapData, u64>, lost: PerCpuArray<MapData, u64>) -> Self {
        Self {
            seen,
            lost,
            received: vec![0; Kind::ALL.len()],
        }
    }

    pub(super) fn received(&mut self, kind: Kind, count: u64) {
        if let Some(received) = self.received.get_mut(usize::from(kind.0)) {
            *received += count;
        }
    }

    /// The accounts of all kinds that were seen at all.
    pub(super) fn read(&self) -> Vec<LossCount> {
        Kind::ALL
            .iter()
            .zip(&self.received)
            .map(|(kind, received)| LossCount {
                kind: kind.name().to_owned(),
                expected: total(&self.seen, *kind),
                received: *received,
                lost: total(&self.lost, *kind),
            })
            .filter(|count| count.expected != 0)
            .collect()
    }
}

fn total(counters: &PerCpuArray<MapData, u64>, kind: Kind) -> u64 {
    // The index is in range by construction.
    counters
        .get(&u32::from(kind.0), 0)
        .map_or(0, |values| values.iter().sum())
}
