//! Random calls against a page-by-page model of the address space.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::remap::MREMAP_DONTUNMAP;
use super::tests::{PAGE, call, madvise, mmap, mprotect, mremap, munmap};
use super::*;

/// The model: every page with its protection, when it was mapped, and whether advised.
#[derive(Default)]
struct Pages(BTreeMap<u64, (u32, u64, bool)>);

#[derive(Clone, Debug)]
enum Op {
    Map(u64, u64, u32),
    Unmap(u64, u64, u64),
    Move(u64, u64, u64, u64, bool),
    Protect(u64, u64, u32),
    Free(u64, u64),
    Drop(u64, u64),
}

impl Pages {
    fn apply(&mut self, op: &Op, at: u64) {
        match *op {
            Op::Map(page, pages, prot) => {
                self.0
                    .extend((page..page + pages).map(|page| (page, (prot, at, false))));
            }
            Op::Unmap(page, pages, age) => self
                .0
                .retain(|key, value| !(page..page + pages).contains(key) || value.1 >= at - age),
            Op::Move(old, old_pages, new, new_pages, keep) => {
                let source: Vec<_> = (0..old_pages)
                    .filter_map(|i| Some((i, *self.0.get(&(old + i))?)))
                    .collect();
                let Some(&(_, (last, ..))) = source.last() else {
                    return;
                };
                for (i, (prot, mapped, _)) in &source {
                    if keep {
                        self.0.insert(old + i, (*prot, *mapped, false));
                    } else {
                        self.0.remove(&(old + i));
                    }
                }
                for i in 0..new_pages.min(old_pages) {
                    if let Some(value) = self.0.get_mut(&(new + i)) {
                        value.2 = false;
                    }
                }
                for (i, (prot, ..)) in &source {
                    if *i < new_pages {
                        self.0.insert(new + i, (*prot, at, false));
                    }
                }
                for i in old_pages..new_pages {
                    self.0.insert(new + i, (last, at, false));
                }
            }
            Op::Protect(page, pages, prot) => {
                self.0
                    .range_mut(page..page + pages)
                    .for_each(|(_, value)| value.0 = prot);
            }
            Op::Free(page, pages) => {
                self.0
                    .range_mut(page..page + pages)
                    .for_each(|(_, value)| value.2 = true);
            }
            Op::Drop(page, pages) => {
                self.0
                    .range_mut(page..page + pages)
                    .for_each(|(_, value)| value.2 = false);
            }
        }
    }
}

impl Op {
    fn call(&self, at: u64) -> Call {
        let (what, outcome) = match *self {
            Self::Map(page, pages, prot) => mmap(page, pages, prot),
            Self::Unmap(page, pages, _) => munmap(page, pages),
            Self::Move(old, old_pages, new, new_pages, keep) => mremap(
                old,
                old_pages,
                new,
                new_pages,
                if keep { MREMAP_DONTUNMAP } else { 0 },
            ),
            Self::Protect(page, pages, prot) => mprotect(page, pages, prot),
            Self::Free(page, pages) => madvise(page, pages, Advice::FREE),
            Self::Drop(page, pages) => madvise(page, pages, Advice::DONTNEED),
        };
        let entered = match *self {
            Self::Unmap(_, _, age) => at - age,
            _ => at,
        };
        call(what, outcome, Some(entered))
    }
}

fn op() -> impl Strategy<Value = Op> {
    // Moves go from the lower pages to the upper ones: the kernel refuses overlaps.
    let low = 1..64_u64;
    let page = prop_oneof![3 => 1..64_u64, 1 => 101..164_u64];
    let pages = 1..12_u64;
    prop_oneof![
        (page.clone(), pages.clone(), 0..8_u32).prop_map(|(a, n, prot)| Op::Map(a, n, prot)),
        (page.clone(), pages.clone(), 0..40_u64).prop_map(|(a, n, age)| Op::Unmap(a, n, age)),
        (low, pages.clone(), pages.clone(), any::<bool>()).prop_map(|(old, n, m, keep)| Op::Move(
            old,
            n,
            old + 100,
            m,
            keep
        )),
        (page.clone(), pages.clone(), 0..8_u32).prop_map(|(a, n, prot)| Op::Protect(a, n, prot)),
        (page.clone(), pages.clone()).prop_map(|(a, n)| Op::Free(a, n)),
        (page, pages).prop_map(|(a, n)| Op::Drop(a, n)),
    ]
}

proptest! {
    #[test]
    fn random_calls_end_as_the_model_does(ops in prop::collection::vec(op(), 1..80)) {
        let mut model = Pages::default();
        let mut ledger = VmaLedger::default();
        for (index, op) in ops.iter().enumerate() {
            // A move of nothing fails.
            if let Op::Move(old, pages, ..) = op
                && model.0.range(*old..old + pages).next().is_none()
            {
                continue;
            }
            let at = 100 + index as u64 * 10;
            model.apply(op, at);
            ledger.apply(&op.call(at), Timestamp(at));
        }
        let mut pages = BTreeMap::new();
        for (start, end, region) in ledger.regions() {
            for page in start / PAGE..end / PAGE {
                pages.insert(page, (region.prot, region.mapped_at.0));
            }
        }
        let expected: BTreeMap<_, _> =
            model.0.iter().map(|(page, value)| (*page, (value.0, value.1))).collect();
        prop_assert_eq!(pages, expected);
        let advised = model.0.values().filter(|value| value.2).count() as u64;
        prop_assert_eq!(ledger.advised_free().bytes(), advised * PAGE);
        prop_assert_eq!(ledger.dropped(), 0);
    }
}
