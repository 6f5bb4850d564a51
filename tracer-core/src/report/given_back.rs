//! Memory that was given back with `MADV_FREE` and is still resident, by who gave it back.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::calls::class_of;
use crate::names::Class;
use crate::process::Process;

/// A part of the ledger's line `lazy_free`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct GivenBack {
    /// Who gave it back; `None` for what was given back before anybody watched.
    pub class: Option<Class>,
    /// Bytes.
    pub bytes: u64,
}

/// Shares out what is lazily freed, most bytes first.
pub(super) fn by_class(process: &Process, lazy_free: u64) -> Vec<GivenBack> {
    let mut advised: BTreeMap<Class, u64> = BTreeMap::new();
    for (stack, bytes) in process.vma().advised_free().by_stack() {
        let lines = process.symbols().lines(stack);
        let sum = advised.entry(class_of(process, &lines)).or_default();
        *sum = sum.saturating_add(bytes);
    }
    share_out(advised, lazy_free)
}

fn share_out(advised: BTreeMap<Class, u64>, lazy_free: u64) -> Vec<GivenBack> {
    let all: u64 = advised.values().copied().fold(0, u64::saturating_add);
    // Of what was written again since, only the kernel knows whose it was: all have the same share.
    let share = |bytes: u64| {
        let part =
            u128::from(bytes) * u128::from(lazy_free) / u128::from(all.max(lazy_free).max(1));
        u64::try_from(part).unwrap_or(u64::MAX)
    };
    let parts = advised.into_iter().map(|(class, bytes)| GivenBack {
        class: Some(class),
        bytes: share(bytes),
    });
    let mut parts: Vec<GivenBack> = parts.filter(|part| part.bytes > 0).collect();
    parts.sort_by_key(|part| Reverse(part.bytes));
    let known: u64 = parts.iter().map(|part| part.bytes).sum();
    let rest = lazy_free.saturating_sub(known);
    match parts.first_mut() {
        // What rounding has left.
        Some(first) if all >= lazy_free => first.bytes += rest,
        _ if rest > 0 => parts.push(GivenBack {
            class: None,
            bytes: rest,
        }),
        _ => {}
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(scavenger: u64, forced: u64, lazy_free: u64, expected: &[(Option<Class>, u64)]) {
        let advised = BTreeMap::from([
            (Class::BackgroundScavenger, scavenger),
            (Class::FreeOsMemory, forced),
        ]);
        let parts = share_out(advised, lazy_free);
        let found: Vec<_> = parts.iter().map(|part| (part.class, part.bytes)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_parts_are_the_whole() {
        let (scavenger, forced) = (Some(Class::BackgroundScavenger), Some(Class::FreeOsMemory));
        check(0, 0, 0, &[]);
        check(0, 0, 9, &[(None, 9)]);
        check(4, 5, 9, &[(forced, 5), (scavenger, 4)]);
        check(2, 3, 9, &[(forced, 3), (scavenger, 2), (None, 4)]);
        check(10, 20, 10, &[(forced, 7), (scavenger, 3)]);
    }
}
