//! The loss accounts: `expected = received + lost` for each kind and CPU.

use std::os::fd::{AsFd as _, AsRawFd as _};

use aya::{
    Ebpf,
    maps::{Array, MapData, PerCpuArray},
};
use tracer_core::event::{CpuLoss, Loss, LossCount, LossGap, Timestamp};
use tracer_ebpf::{Account, Kind};

use super::programs::Wire;

/// The kernel's accounts, and our own of what arrived.
pub(super) struct Counters {
    accounts: PerCpuArray<MapData, Wire<Account>>,
    read_at: Array<MapData, u64>,
    /// For each kind, by CPU.
    arrived: Vec<Vec<Arrived>>,
    /// Of kinds that come as sums of all CPUs, what was passed on, kind by kind.
    counts: Vec<u64>,
    /// For each kind, by CPU: what of the kernel's account has been told.
    told: Vec<Vec<Told>>,
}

/// Records that came through the ring.
#[derive(Clone, Copy, Default)]
struct Arrived {
    understood: u64,
    not_understood: u64,
}

#[derive(Clone, Copy, Default)]
struct Told {
    lost: u64,
    until_ns: u64,
}

impl Counters {
    pub(super) fn new(
        accounts: PerCpuArray<MapData, Wire<Account>>,
        read_at: Array<MapData, u64>,
    ) -> Self {
        Self {
            accounts,
            read_at,
            arrived: vec![Vec::new(); Kind::ALL.len()],
            counts: vec![0; Kind::ALL.len()],
            told: vec![Vec::new(); Kind::ALL.len()],
        }
    }

    /// A record of this kind came from this CPU.
    pub(super) fn received(&mut self, kind: Kind, cpu: u16, understood: bool) {
        let Some(cpus) = self.arrived.get_mut(usize::from(kind.0)) else {
            return;
        };
        let arrived = slot(cpus, usize::from(cpu));
        if understood {
            arrived.understood += 1;
        } else {
            arrived.not_understood += 1;
        }
    }

    /// So many events of a kind that is counted were passed on.
    pub(super) fn received_counts(&mut self, kind: Kind, count: u64) {
        if let Some(counts) = self.counts.get_mut(usize::from(kind.0)) {
            *counts += count;
        }
    }

    /// Whether all that was seen has arrived or is known to be lost.
    pub(super) fn are_settled(&self) -> bool {
        Kind::ALL.iter().all(|kind| {
            let (seen, lost) = totals(&self.account(*kind));
            seen == self.all_arrived(*kind) + lost
        })
    }

    /// The accounts of all kinds that were seen at all, and what was dropped since they were last
    /// read. `at` is a moment before now.
    pub(super) fn read(&mut self, ebpf: &Ebpf, at: Timestamp) -> Loss {
        let mut loss = Loss::default();
        for kind in Kind::ALL {
            let accounts = self.account(*kind);
            let skipped = skipped(ebpf, *kind);
            let (seen, dropped) = totals(&accounts);
            if seen + skipped == 0 {
                continue;
            }
            let not_understood = self.arrived_by(*kind, |arrived| arrived.not_understood);
            loss.counts.push(LossCount {
                kind: kind.name().to_owned(),
                expected: seen,
                received: self.all_arrived(*kind) - not_understood,
                lost: dropped + not_understood,
                skipped,
            });
            for (cpu, account) in accounts.iter().enumerate() {
                loss.gaps.extend(self.gap(*kind, cpu, account));
            }
        }
        // Whatever is dropped from `at` on belongs to the next gap; some of it was told already.
        // An error leaves the next gap to begin where this one began.
        let _ = self.read_at.set(0, at.0, 0);
        loss
    }

    /// What each CPU saw; `counted` are the kinds of which the kernel still has the counts.
    pub(super) fn by_cpu(&self, counted: &[(Kind, Vec<u64>)]) -> Vec<CpuLoss> {
        let mut all = Vec::new();
        for kind in Kind::ALL {
            for (cpu, account) in self.account(*kind).iter().enumerate() {
                if account.seen == 0 {
                    continue;
                }
                let arrived = self.arrived.get(usize::from(kind.0));
                let arrived = arrived.and_then(|cpus| cpus.get(cpu)).copied();
                let arrived = arrived.unwrap_or_default();
                let counts = counted.iter().find(|(counted, _)| counted == kind);
                let received = counts.map_or(arrived.understood, |(_, cpus)| {
                    cpus.get(cpu).copied().unwrap_or(0)
                });
                let count = LossCount {
                    kind: kind.name().to_owned(),
                    expected: account.seen,
                    received,
                    lost: account.lost + arrived.not_understood,
                    skipped: 0,
                };
                let cpu = cpu as u32;
                all.push(CpuLoss { cpu, count });
            }
        }
        all
    }

    fn gap(&mut self, kind: Kind, cpu: usize, account: &Account) -> Option<LossGap> {
        let told = slot(self.told.get_mut(usize::from(kind.0))?, cpu);
        let lost = account
            .lost
            .checked_sub(told.lost)
            .filter(|lost| *lost > 0)?;
        let from = account.first_lost_ns.max(told.until_ns);
        let to = account.last_lost_ns.max(from);
        *told = Told {
            lost: account.lost,
            until_ns: to,
        };
        Some(LossGap {
            kind: kind.name().to_owned(),
            cpu: cpu as u32,
            from: Timestamp(from),
            to: Timestamp(to),
            lost,
        })
    }

    /// The kernel's account of a kind, by CPU.
    fn account(&self, kind: Kind) -> Vec<Account> {
        // The index is in range by construction.
        self.accounts.get(&u32::from(kind.0), 0).map_or_else(
            |_| Vec::new(),
            |cpus| cpus.iter().map(|account| account.0).collect(),
        )
    }

    fn all_arrived(&self, kind: Kind) -> u64 {
        if kind.is_counted() {
            return self.counts.get(usize::from(kind.0)).copied().unwrap_or(0);
        }
        self.arrived_by(kind, |arrived| arrived.understood + arrived.not_understood)
    }

    fn arrived_by(&self, kind: Kind, number: impl Fn(&Arrived) -> u64) -> u64 {
        let cpus = self.arrived.get(usize::from(kind.0));
        cpus.map_or(0, |cpus| cpus.iter().map(number).sum())
    }
}

/// Seen and lost on all CPUs.
fn totals(accounts: &[Account]) -> (u64, u64) {
    let both = |(seen, lost), account: &Account| (seen + account.seen, lost + account.lost);
    accounts.iter().fold((0, 0), both)
}

/// The entry of a CPU, which may be the first.
fn slot<T: Clone + Default>(cpus: &mut Vec<T>, cpu: usize) -> &mut T {
    if cpus.len() <= cpu {
        cpus.resize(cpu + 1, T::default());
    }
    &mut cpus[cpu]
}

/// Runs that the kernel skipped, because the same program was running on that CPU when its thread
/// was preempted (fully preemptible kernels since 5.12), or another when an interrupt came.
///
/// An upper bound: skipped before the process filter, so other processes' events count too.
fn skipped(ebpf: &Ebpf, kind: Kind) -> u64 {
    let missed = |program: String| {
        // A program that is not loaded skips nothing.
        let fd = ebpf.program(&program)?.fd().ok()?;
        let path = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
        let fdinfo = std::fs::read_to_string(path).ok()?;
        Some(recursion_misses(&fdinfo))
    };
    programs_of(kind).into_iter().filter_map(missed).sum()
}

/// The programs whose skipped runs may be events of a kind. Those of the kretprobe are not asked for:
/// the next entry of the thread tells.
fn programs_of(kind: Kind) -> Vec<String> {
    match kind {
        Kind::PAGE_FAULT => vec!["page_fault_user".to_owned()],
        Kind::EXEC | Kind::FORK | Kind::EXIT => vec![format!("process_{}", kind.name())],
        Kind::GOROUTINE => vec!["up_goroutine".to_owned()],
        Kind::ALLOCATION => vec!["up_span".to_owned(), "up_large".to_owned()],
        // One program serves all calls: which one it was is not known.
        Kind::UNKNOWN_CALL => vec!["tp_return".to_owned()],
        _ => vec![format!("fx_{}", kind.name())],
    }
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
