//! Who allocates and who keeps what grows: by the sites of the heap profile, or by what stands in for
//! them where none tells.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::heap_growth::{LEAST_SHARE, origins};
use super::owners::{owner, owner_by_size, owners, owners_by_size};
use crate::ledger::trend::difference;
use crate::process::Process;
use crate::report::{
    ClassLine, Evidence, Heap, HeapSiteLine, Origin, RootLine, StackFrame, allocating_lines,
    growth_lines, objects,
};

/// Lines named.
const MAX_LINES: usize = 5;

/// Who is named for a live heap that grows.
pub(super) struct Attribution {
    pub(super) evidence: Vec<Evidence>,
    /// The service's own lines.
    pub(super) origins: Vec<Origin>,
    /// Who keeps most of the site, or of the size, that grows most.
    pub(super) owner: Option<RootLine>,
}

impl Attribution {
    /// By the sites that grow, most first.
    pub(super) fn of(process: &Process, heap: Option<&Heap>, sites: &[&HeapSiteLine]) -> Self {
        if sites.is_empty() {
            return Self::by_size(process, heap);
        }
        Self {
            evidence: owners(process, sites),
            origins: origins(sites.iter().copied()),
            owner: owner(process, sites),
        }
    }

    fn by_size(process: &Process, heap: Option<&Heap>) -> Self {
        let grown = heap.map_or(Vec::new(), |heap| grown(&heap.classes));
        let grown = survivors(process, grown);
        let sizes: Vec<u64> = grown
            .iter()
            .map(|(object_bytes, _)| *object_bytes)
            .collect();
        let (origins, what) = lines(process, &grown);
        let mut evidence = Vec::new();
        if !origins.is_empty() {
            let why = match process.go().profile() {
                None => "the program keeps no heap profile",
                Some(_) => "no site of the heap profile grows as much",
            };
            evidence.push(Evidence::fact(format!("{why}: {what}")));
        }
        if let Some((object_bytes, growth)) = grown.first() {
            let what = format!(
                "growth in {}, most garbage left out",
                objects(*object_bytes)
            );
            evidence.push(Evidence::growth(what, difference(*growth, 0)));
        }
        evidence.extend(owners_by_size(process, &sizes));
        Self {
            evidence,
            origins,
            owner: owner_by_size(process, &sizes),
        }
    }
}

/// By how much the objects of each size grew, for those that matter, most first.
fn grown(classes: &[ClassLine]) -> Vec<(u64, u64)> {
    let mut by_size: BTreeMap<u64, i64> = BTreeMap::new();
    for class in classes {
        let sum = by_size.entry(class.object_bytes).or_default();
        *sum = sum.saturating_add(class.floor_growth_bytes.unwrap_or(0));
    }
    let grown = by_size.into_iter();
    let mut grown: Vec<(u64, u64)> = grown
        .filter_map(|(size, growth)| Some((size, u64::try_from(growth).ok()?)))
        .collect();
    let all = grown
        .iter()
        .fold(0_u64, |sum, (_, growth)| sum.saturating_add(*growth));
    let least = (LEAST_SHARE.get() * all as f64) as u64;
    grown.retain(|(_, growth)| *growth > least);
    // The map's order decides between equals.
    grown.sort_by_key(|(_, growth)| Reverse(*growth));
    grown
}

/// Of what a size is said to have grown by until a search, so much at least must have been found alive:
/// both are estimates.
const ALIVE: f64 = 0.5;

/// Without the sizes of which a search for holders has found hardly any alive: what grew there is garbage, of
/// which more lies about the rarer collections are.
fn survivors(process: &Process, grown: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    let go = process.go();
    let Some((holders, at)) = go.holders().zip(go.holders_at()) else {
        return grown;
    };
    if holders.is_part {
        return grown;
    }
    let mut sizes: BTreeMap<u64, u64> = BTreeMap::new();
    for site in holders.sites.iter().filter(|site| site.site.is_none()) {
        let live = sizes.entry(site.object_bytes).or_default();
        *live = live.saturating_add(site.live_bytes);
    }
    if sizes.is_empty() {
        return grown;
    }
    // The search may have been in the middle of the watch.
    let part = process.seconds_until(at) / process.seconds().max(f64::MIN_POSITIVE);
    let is_alive = |(size, growth): &(u64, u64)| {
        // A size of which none was found alive is not listed.
        let live = sizes.get(size).copied().unwrap_or(0);
        live as f64 >= ALIVE * part * *growth as f64
    };
    let alive: Vec<_> = grown.iter().copied().filter(is_alive).collect();
    if alive.is_empty() { grown } else { alive }
}

/// The lines that were given memory in objects of the sizes that grow; else where new memory was
/// touched first. And what they are.
fn lines(process: &Process, grown: &[(u64, u64)]) -> (Vec<Origin>, &'static str) {
    let grown: BTreeMap<u64, u64> = grown.iter().copied().collect();
    let given = largest(allocating_lines(process, &grown));
    if !given.is_empty() {
        return (
            given,
            "the lines named were given memory in objects of the sizes that grow, and the growth of \
             each size is shared out by how much they were given, whether they kept it or not",
        );
    }
    let touched = growth_lines(process).into_iter();
    let touched = touched.map(|line| (line.origin, line.bytes));
    (
        largest(touched.collect()),
        "the lines named are where new memory was touched first, whether it was kept or not",
    )
}

/// The own lines with most of all bytes.
pub(super) fn largest(lines: Vec<(Option<StackFrame>, u64)>) -> Vec<Origin> {
    let all = lines
        .iter()
        .fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
    let own = lines.into_iter();
    let mut origins = summed_up(own.filter_map(|(line, bytes)| Some((line?, bytes))));
    let least = (LEAST_SHARE.get() * all as f64) as u64;
    origins.retain(|origin| origin.bytes.is_some_and(|bytes| bytes > least));
    origins.truncate(MAX_LINES);
    origins
}

/// Each line once, with all its bytes, most first.
pub(super) fn summed_up(lines: impl Iterator<Item = (StackFrame, u64)>) -> Vec<Origin> {
    let mut origins: Vec<Origin> = Vec::new();
    for (line, added) in lines {
        match origins.iter_mut().find(|origin| origin.line == line) {
            Some(origin) => {
                let bytes = origin.bytes.get_or_insert(0);
                *bytes = bytes.saturating_add(added);
            }
            None => origins.push(Origin {
                line,
                opened: None,
                closed: None,
                bytes: Some(added),
            }),
        }
    }
    origins.sort_by_key(|origin| Reverse(origin.bytes));
    origins
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventKind, HeldSite, Holders, Timestamp};

    /// Classes as bytes of an object and growth, and what is told of them.
    #[track_caller]
    fn check(classes: &[(u64, Option<i64>)], expected: &[(u64, u64)]) {
        let class = |(object_bytes, floor_growth_bytes): &(u64, Option<i64>)| ClassLine {
            object_bytes: *object_bytes,
            no_pointers: false,
            objects: 0,
            bytes: 0,
            growth_bytes: None,
            floor_growth_bytes: *floor_growth_bytes,
        };
        let classes: Vec<ClassLine> = classes.iter().map(class).collect();
        assert_eq!(grown(&classes), expected);
    }

    #[test]
    fn sizes_that_grow() {
        check(&[], &[]);
        check(&[(16, None), (32, Some(-5)), (48, Some(0))], &[]);
        check(&[(16, Some(30)), (48, Some(70))], &[(48, 70), (16, 30)]);
        // With and without pointers is one size.
        check(&[(16, Some(30)), (16, Some(-10))], &[(16, 20)]);
        // What is small beside the rest does not count.
        check(&[(16, Some(3)), (48, Some(97))], &[(48, 97)]);
    }

    /// Sizes found alive, as bytes of an object and of all of them; what is left of sizes that grew.
    #[track_caller]
    fn check_alive(alive: &[(u64, u64)], grown: &[(u64, u64)], left: &[(u64, u64)]) {
        check_found(alive, false, grown, left);
    }

    #[track_caller]
    fn check_found(alive: &[(u64, u64)], is_part: bool, grown: &[(u64, u64)], left: &[(u64, u64)]) {
        let mut process = Process::default();
        let site = |(object_bytes, live_bytes): &(u64, u64)| HeldSite {
            object_bytes: *object_bytes,
            live_bytes: *live_bytes,
            ..HeldSite::default()
        };
        let holders = Holders {
            sites: alive.iter().map(site).collect(),
            is_part,
            ..Holders::default()
        };
        // A search after three fifths of the watch.
        process.apply(Timestamp(0), &EventKind::Tick);
        process.apply(Timestamp(600), &EventKind::Holders(holders));
        process.apply(Timestamp(1000), &EventKind::Tick);
        assert_eq!(survivors(&process, grown.to_vec()), left);
    }

    #[test]
    fn sizes_of_garbage_are_left_out() {
        let grown = [(4096, 1000), (1024, 100)];
        check_alive(&[], &grown, &grown);
        check_alive(&[(4096, 300), (1024, 30)], &grown, &grown);
        check_alive(&[(4096, 300), (1024, 29)], &grown, &grown[..1]);
        check_alive(&[(4096, 2000)], &grown, &grown[..1]);
        // Then the search knows other objects.
        check_alive(&[(64, 2000)], &grown, &grown);
        // Where spans were left out, what was not found may be there.
        check_found(&[(4096, 2000)], true, &grown, &grown);
    }
}
