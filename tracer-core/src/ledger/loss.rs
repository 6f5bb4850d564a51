//! What the kernel side saw and what of it arrived.

use std::collections::BTreeMap;

use crate::event::LossCount;

/// Twice the number of kinds there are; a further kind is ignored.
const MAX_KINDS: usize = 64;

/// The last counts of each kind; they only grow.
#[derive(Clone, Debug, Default)]
pub struct LossLedger {
    by_kind: BTreeMap<String, LossCount>,
}

impl LossLedger {
    /// Takes the newest counts.
    pub fn update(&mut self, counts: &[LossCount]) {
        for count in counts {
            if self.by_kind.len() < MAX_KINDS || self.by_kind.contains_key(&count.kind) {
                self.by_kind.insert(count.kind.clone(), count.clone());
            }
        }
    }

    /// The counts, in the order of the kinds' names.
    pub fn iter(&self) -> impl Iterator<Item = &LossCount> {
        self.by_kind.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_counts_hold() {
        let count = |kind: &str, expected, lost| LossCount {
            kind: kind.to_owned(),
            expected,
            received: expected - lost,
            lost,
        };
        let mut ledger = LossLedger::default();
        ledger.update(&[count("mmap", 3, 0), count("brk", 1, 0)]);
        ledger.update(&[count("mmap", 9, 2)]);
        let found: Vec<_> = ledger.iter().cloned().collect();
        assert_eq!(found, [count("brk", 1, 0), count("mmap", 9, 2)]);
    }
}
