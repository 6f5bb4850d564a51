//! Who allocates, as probes in the runtime saw it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::heap::{HeapSiteLine, MAX_SITES};
use super::stack::{StackFrame, by_lines, frames, own_line};
use crate::process::Process;

/// The watch on who allocates, and what it has cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AllocationProbes {
    /// It goes on.
    pub watching: bool,
    /// Why it does, or does not.
    pub reason: String,
    /// How often the probes were hit: once for each span that was handed out.
    pub hits: u64,
    /// Bytes of these spans.
    pub bytes: u64,
    /// What a hit costs the process, in nanoseconds; `None` when that was not measured.
    pub ns_per_hit: Option<u64>,
    /// What all have cost it.
    pub cost_seconds: Option<f64>,
}

impl AllocationProbes {
    pub(super) fn on(process: &Process) -> Option<Self> {
        let watch = process.allocations().watch()?;
        let handed = process.allocations().total();
        let inside_ns = watch.inside_ns.checked_div(watch.hits);
        let ns_per_hit = watch.trap_ns.zip(inside_ns);
        let ns_per_hit = ns_per_hit.map(|(trap, inside)| trap.saturating_add(inside));
        Some(Self {
            watching: watch.watching,
            reason: watch.reason.clone(),
            hits: handed.spans,
            bytes: handed.bytes,
            ns_per_hit,
            cost_seconds: ns_per_hit.map(|ns| ns as f64 * handed.spans as f64 / 1e9),
        })
    }
}

/// The sites that were given most.
pub(super) fn sites(process: &Process) -> Vec<HeapSiteLine> {
    let sites = process.allocations().iter();
    let by_stack = sites.map(|(stack, _, handed)| (stack, handed));
    let mut sites: Vec<_> = by_lines(process, by_stack).into_iter().collect();
    // The map's order decides between equals.
    sites.sort_by_key(|(_, handed)| Reverse(handed.bytes));
    sites.truncate(MAX_SITES);
    sites
        .into_iter()
        .map(|(lines, handed)| HeapSiteLine {
            inuse_objects: None,
            inuse_bytes: None,
            alloc_bytes: handed.bytes,
            growth_bytes: None,
            origin: own_line(process, &lines).map(StackFrame::from_frame),
            stack: frames(process, &lines),
        })
        .collect()
}

/// The service's own lines that were given memory in objects of sizes that have `grown`: the growth
/// of a size is shared out among them, in proportion.
pub(crate) fn own_lines(
    process: &Process,
    grown: &BTreeMap<u64, u64>,
) -> Vec<(Option<StackFrame>, u64)> {
    let sites = || process.allocations().iter();
    let mut given: BTreeMap<u64, u64> = BTreeMap::new();
    for (_, object_bytes, handed) in sites() {
        let sum = given.entry(object_bytes).or_default();
        *sum = sum.saturating_add(handed.bytes);
    }
    let by_stack = sites().filter_map(|(stack, object_bytes, handed)| {
        let (grown, given) = (grown.get(&object_bytes)?, given.get(&object_bytes)?);
        let part = u128::from(*grown) * u128::from(handed.bytes) / u128::from(*given).max(1);
        Some((stack, u64::try_from(part).unwrap_or(u64::MAX)))
    });
    by_lines(process, by_stack)
        .into_iter()
        .map(|(lines, bytes)| {
            let own = own_line(process, &lines).map(StackFrame::from_frame);
            (own, bytes)
        })
        .collect()
}
