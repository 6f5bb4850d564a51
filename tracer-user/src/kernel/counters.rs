//! The loss accounts: `expected = received + lost` for each kind.

use std::os::fd::{AsFd as _, AsRawFd as _};

use aya::{
    Ebpf,
    maps::{MapData, PerCpuArray},
};
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
    pub(super) fn read(&self, ebpf: &Ebpf) -> Vec<LossCount> {
        Kind::ALL
            .iter()
            .zip(&self.received)
            .map(|(kind, received)| {
                let missed = missed(ebpf, *kind);
                LossCount {
                    kind: kind.name().to_owned(),
                    expected: total(&self.seen, *kind) + missed,
                    received: *received,
                    lost: total(&self.lost, *kind) + missed,
                }
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

/// Runs that the kernel skipped, because the same program was running on that CPU when its thread
/// was preempted (fully preemptible kernels since 5.12).
///
/// An upper bound: skipped before the process filter, so other processes' events count too.
fn missed(ebpf: &Ebpf, kind: Kind) -> u64 {
    let own = if kind == Kind::PAGE_FAULT {
        "page_fault_user".to_owned()
    } else {
        format!("fx_{}", kind.name())
    };
    // A program that is not loaded skips nothing.
    let Some(fd) = ebpf.program(&own).and_then(|program| program.fd().ok()) else {
        return 0;
    };
    let path = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
    recursion_misses(&std::fs::read_to_string(path).unwrap_or_default())
}

/// The kernel's count in the description of a program; 0 before 5.12, which does not have it.
fn recursion_misses(fdinfo: &str) -> u64 {
    fdinfo
        .lines()
        .find_map(|line| line.strip_prefix("recursion_misses:")?.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::recursion_misses;

    #[test]
    fn misses_are_read_from_fdinfo() {
        let fdinfo = "pos:\t0\nprog_type:\t26\nrun_cnt:\t0\nrecursion_misses:\t82\n";
        assert_eq!(recursion_misses(fdinfo), 82);
        assert_eq!(recursion_misses("prog_type:\t26\n"), 0);
    }
}
