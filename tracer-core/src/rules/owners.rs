//! Who holds what grows, where that was searched.

use super::threshold::Threshold;
use crate::process::Process;
use crate::report::{Evidence, HeapSiteLine, HolderLine, RootLine, StackFrame};

/// Owners named.
const MAX_OWNERS: usize = 3;
/// Fewer objects say little about the rest of their site.
const LEAST_SAMPLED: Threshold = Threshold::new(8.0);
/// Who holds a smaller share of a site is not its owner.
const LEAST_SHARE: Threshold = Threshold::new(0.5);

/// The owners of what these sites have allocated.
pub(super) fn owners(process: &Process, sites: &[&HeapSiteLine]) -> Vec<Evidence> {
    let lines = certain(process);
    let is_of = |line: &&HolderLine| sites.iter().any(|site| site.stack == line.stack);
    let of_sites = lines.iter().filter(is_of);
    of_sites.take(MAX_OWNERS).map(evidence).collect()
}

/// Who holds most of what the first of these sites has allocated, in words.
pub(super) fn owner(process: &Process, sites: &[&HeapSiteLine]) -> Option<String> {
    let first = sites.first()?;
    let lines = certain(process);
    let of_first = lines.iter().find(|line| line.stack == first.stack)?;
    of_first.root.as_ref().map(RootLine::words)
}

/// What goroutines hold.
pub(super) fn held_by_goroutines(process: &Process) -> Vec<Evidence> {
    let lines = certain(process);
    let is_goroutine = |line: &&HolderLine| {
        line.root
            .as_ref()
            .is_some_and(|root| root.kind == "goroutine")
    };
    let of_goroutines = lines.iter().filter(is_goroutine);
    of_goroutines.take(MAX_OWNERS).map(evidence).collect()
}

fn certain(process: &Process) -> Vec<HolderLine> {
    let mut lines = HolderLine::on(process).unwrap_or_default();
    lines.retain(|line| {
        let is_telling = line.sampled as f64 >= LEAST_SAMPLED.get();
        line.root.is_some() && is_telling && line.share >= LEAST_SHARE.get()
    });
    lines.sort_by_key(|line| std::cmp::Reverse(line.bytes));
    lines
}

fn evidence(line: &HolderLine) -> Evidence {
    let owner = line.root.as_ref().map_or_else(String::new, RootLine::words);
    let place = line
        .stack
        .first()
        .map_or_else(String::new, StackFrame::place);
    let (reached, sampled) = (line.reached, line.sampled);
    Evidence {
        bytes: i64::try_from(line.bytes).ok(),
        ..Evidence::fact(format!(
            "held by {owner}: {reached} of {sampled} objects followed that {place} allocated"
        ))
    }
}
