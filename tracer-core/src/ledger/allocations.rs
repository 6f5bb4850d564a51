//! Memory that Go's heap handed out while that was watched, by stack and size of objects.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use crate::event::{Allocated, AllocationWatch, StackId};

/// As many as the kernel side tells of in an hour of ever new stacks; further ones count without.
const MAX_SITES: usize = 65_536;

/// What was handed out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Handed {
    /// Spans.
    pub spans: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl AddAssign for Handed {
    fn add_assign(&mut self, other: Self) {
        self.spans = self.spans.saturating_add(other.spans);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// Who was given memory.
#[derive(Clone, Debug, Default)]
pub struct AllocationLedger {
    sites: BTreeMap<(Option<StackId>, u64), Handed>,
    watch: Option<AllocationWatch>,
}

impl AllocationLedger {
    /// Takes what was handed out.
    pub fn add(&mut self, allocated: &Allocated) {
        let Allocated {
            stack,
            object_bytes,
            spans,
            bytes,
        } = *allocated;
        let mut site = (stack, object_bytes);
        if self.sites.len() >= MAX_SITES && !self.sites.contains_key(&site) {
            site = (None, 0);
        }
        *self.sites.entry(site).or_default() += Handed { spans, bytes };
    }

    /// It is watched from now on, or no longer.
    pub fn set_watch(&mut self, watch: &AllocationWatch) {
        self.watch = Some(watch.clone());
    }

    /// Forgets what was counted, and not whether it is watched.
    pub fn restart(&mut self) {
        self.sites.clear();
    }

    /// Stack, bytes of an object (0 for large ones), and what was handed out.
    pub fn iter(&self) -> impl Iterator<Item = (Option<StackId>, u64, Handed)> {
        let sites = self.sites.iter();
        sites.map(|((stack, object_bytes), handed)| (*stack, *object_bytes, *handed))
    }

    /// What was handed out in all.
    #[must_use]
    pub fn total(&self) -> Handed {
        let mut total = Handed::default();
        for handed in self.sites.values() {
            total += *handed;
        }
        total
    }

    /// What was last said of the watch.
    #[must_use]
    pub fn watch(&self) -> Option<&AllocationWatch> {
        self.watch.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_are_bounded_and_the_total_is_not() {
        let mut ledger = AllocationLedger::default();
        for stack in 1..=MAX_SITES as u64 + 3 {
            for object_bytes in [16, 0] {
                ledger.add(&Allocated {
                    stack: Some(StackId(stack)),
                    object_bytes,
                    spans: 1,
                    bytes: 8192,
                });
            }
        }
        let spans = 2 * (MAX_SITES as u64 + 3);
        let bytes = 8192 * spans;
        assert_eq!(ledger.total(), Handed { spans, bytes });
        assert!(ledger.iter().count() <= MAX_SITES + 1);
    }
}
