//! Who allocates, as probes in the runtime saw it.

use std::cmp::Reverse;

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

/// The service's own lines that were given memory in objects of sizes that `counts`.
pub(crate) fn own_lines(
    process: &Process,
    counts: impl Fn(u64) -> bool,
) -> Vec<(Option<StackFrame>, u64)> {
    let sites = process.allocations().iter();
    let wanted = sites.filter(|(_, object_bytes, _)| counts(*object_bytes));
    let by_stack = wanted.map(|(stack, _, handed)| (stack, handed));
    by_lines(process, by_stack)
        .into_iter()
        .map(|(lines, handed)| {
            let own = own_line(process, &lines).map(StackFrame::from_frame);
            (own, handed.bytes)
        })
        .collect()
}
