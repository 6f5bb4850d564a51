//! What the kernel side saw and what of it arrived.

use std::collections::BTreeMap;

use crate::event::{CpuLoss, Loss, LossCount, LossGap};

/// Twice the number of kinds there are; a further kind is ignored.
const MAX_KINDS: usize = 64;

/// Twice what the largest machines have; a further CPU is ignored.
const MAX_CPUS: usize = 8192;

/// Gaps that are kept apart; of a further one its events are added to the last.
const MAX_GAPS: usize = 256;

/// The last counts of each kind, which only grow, and when events were dropped.
#[derive(Clone, Debug, Default)]
pub struct LossLedger {
    by_kind: BTreeMap<String, LossCount>,
    by_cpu: BTreeMap<String, Vec<CpuLoss>>,
    /// By kind and CPU.
    gaps: BTreeMap<(String, u32), Vec<LossGap>>,
    kept_gaps: usize,
    /// Of each kind, how many of the lost are counted by stack.
    summed: BTreeMap<String, u64>,
}

impl LossLedger {
    /// Takes the newest counts.
    pub fn update(&mut self, loss: &Loss) {
        for count in &loss.counts {
            if self.by_kind.len() < MAX_KINDS || self.by_kind.contains_key(&count.kind) {
                self.by_kind.insert(count.kind.clone(), count.clone());
            }
        }
        for gap in &loss.gaps {
            self.add_gap(gap);
        }
        for loss in &loss.by_cpu {
            let kind = &loss.count.kind;
            if !self.by_kind.contains_key(kind) {
                continue;
            }
            let cpus = self.by_cpu.entry(kind.clone()).or_default();
            cpus.retain(|known| known.cpu != loss.cpu);
            if cpus.len() < MAX_CPUS {
                cpus.push(loss.clone());
            }
        }
    }

    fn add_gap(&mut self, gap: &LossGap) {
        if !self.by_kind.contains_key(&gap.kind) {
            return;
        }
        let key = (gap.kind.clone(), gap.cpu);
        let full = self.kept_gaps >= MAX_GAPS;
        if full && !self.gaps.contains_key(&key) {
            return;
        }
        let gaps = self.gaps.entry(key).or_default();
        match gaps.last_mut() {
            // They follow each other, or there is no room to tell them apart.
            Some(last) if full || gap.from <= last.to => {
                last.to = last.to.max(gap.to);
                last.lost = last.lost.saturating_add(gap.lost);
            }
            _ => {
                gaps.push(gap.clone());
                self.kept_gaps += 1;
            }
        }
    }

    /// So many that were dropped one by one are counted by stack. The caller knows the kind.
    pub fn add_summed(&mut self, kind: &str, count: u64) {
        let summed = self.summed.entry(kind.to_owned()).or_default();
        *summed = summed.saturating_add(count);
    }

    /// How many of the lost of a kind are counted by stack.
    #[must_use]
    pub fn summed(&self, kind: &str) -> u64 {
        self.summed.get(kind).copied().unwrap_or(0)
    }

    /// The counts, in the order of the kinds' names.
    pub fn iter(&self) -> impl Iterator<Item = &LossCount> {
        self.by_kind.values()
    }

    /// What each CPU saw of a kind, in the order they were told; empty before the end.
    #[must_use]
    pub fn by_cpu(&self, kind: &str) -> &[CpuLoss] {
        self.by_cpu.get(kind).map_or(&[], Vec::as_slice)
    }

    /// When each CPU dropped events of a kind, in order of CPU and time.
    pub fn gaps<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a LossGap> {
        let of_kind = self
            .gaps
            .range((kind.to_owned(), 0)..=(kind.to_owned(), u32::MAX));
        of_kind.flat_map(|(_, gaps)| gaps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Timestamp;

    fn count(kind: &str, expected: u64, lost: u64) -> LossCount {
        LossCount {
            kind: kind.to_owned(),
            expected,
            received: expected - lost,
            lost,
            skipped: 0,
        }
    }

    fn gap(cpu: u32, from: u64, to: u64, lost: u64) -> LossGap {
        LossGap {
            kind: "mmap".to_owned(),
            cpu,
            from: Timestamp(from),
            to: Timestamp(to),
            lost,
        }
    }

    fn told(counts: &[LossCount], gaps: &[LossGap]) -> Loss {
        Loss {
            counts: counts.to_vec(),
            gaps: gaps.to_vec(),
            by_cpu: Vec::new(),
        }
    }

    #[test]
    fn the_last_counts_hold() {
        let mut ledger = LossLedger::default();
        ledger.update(&told(&[count("mmap", 3, 0), count("brk", 1, 0)], &[]));
        ledger.update(&told(&[count("mmap", 9, 2)], &[]));
        let found: Vec<_> = ledger.iter().cloned().collect();
        assert_eq!(found, [count("brk", 1, 0), count("mmap", 9, 2)]);
    }

    #[test]
    fn gaps_that_follow_each_other_are_one() {
        let mut ledger = LossLedger::default();
        let mmap = [count("mmap", 90, 50)];
        ledger.update(&told(&mmap, &[gap(1, 10, 20, 5), gap(0, 12, 13, 1)]));
        ledger.update(&told(&mmap, &[gap(1, 20, 30, 2), gap(1, 40, 50, 3)]));
        let found: Vec<_> = ledger.gaps("mmap").cloned().collect();
        let expected = [gap(0, 12, 13, 1), gap(1, 10, 30, 7), gap(1, 40, 50, 3)];
        assert_eq!(found, expected);
        assert_eq!(ledger.gaps("brk").count(), 0);
    }

    #[test]
    fn many_gaps_lose_their_times_but_not_their_events() {
        let mut ledger = LossLedger::default();
        let mmap = [count("mmap", 9_000, 2 * MAX_GAPS as u64)];
        for at in 0..2 * MAX_GAPS as u64 {
            ledger.update(&told(&mmap, &[gap(0, 10 * at + 1, 10 * at + 2, 1)]));
        }
        assert_eq!(ledger.gaps("mmap").count(), MAX_GAPS);
        let lost: u64 = ledger.gaps("mmap").map(|gap| gap.lost).sum();
        assert_eq!(lost, 2 * MAX_GAPS as u64);
    }

    #[test]
    fn a_cpu_is_told_once() {
        let mut ledger = LossLedger::default();
        let of_cpu = |cpu, expected| CpuLoss {
            cpu,
            count: count("mmap", expected, 0),
        };
        let mut loss = told(&[count("mmap", 9, 0)], &[]);
        loss.by_cpu = vec![of_cpu(0, 4), of_cpu(1, 5), of_cpu(1, 5)];
        ledger.update(&loss);
        assert_eq!(ledger.by_cpu("mmap"), [of_cpu(0, 4), of_cpu(1, 5)]);
    }
}
