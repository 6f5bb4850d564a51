//! Memory touched for the first time, by stack.

use std::cmp::Reverse;

use serde::Serialize;

use super::stack::{StackFrame, by_lines, frames, own_line};
use crate::process::Process;
use crate::sampling::Weight;

/// Stacks shown.
const MAX_STACKS: usize = 20;

/// What one stack touched first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GrowthLine {
    /// At least this much became resident: pages written for the first time.
    pub bytes: u64,
    /// All counts here are estimated from a sample of stacks.
    pub estimated: bool,
    /// Of these, what was touched for writing.
    pub write_faults: u64,
    /// Pages of files, or the shared zero page, mapped in by reading.
    pub read_faults: u64,
    /// Pages of instructions mapped in.
    pub execute_faults: u64,
    /// The service's own line in the stack.
    pub origin: Option<StackFrame>,
    /// Innermost first; empty when the stack was lost or not taken.
    pub stack: Vec<StackFrame>,
}

pub(crate) fn lines(process: &Process) -> Vec<GrowthLine> {
    let page = process.vma().page_size();
    let sampling = process.sampling();
    let weight = sampling.map_or(Weight::ONE, |sampling| sampling.weight(page));
    let faults = process.faults().by_stack().iter();
    // Where stacks are sampled, those that were taken stand for all.
    let faults = faults.filter(|(stack, _)| sampling.is_none() || stack.is_some());
    let mut stacks: Vec<_> = by_lines(process, faults).into_iter().collect();
    // The map's order decides between equals.
    stacks.sort_by_key(|(_, count)| Reverse((count.write, count.read, count.execute)));
    stacks.truncate(MAX_STACKS);
    stacks
        .into_iter()
        .map(|(lines, count)| GrowthLine {
            bytes: weight.times(count.write.saturating_mul(page)),
            estimated: sampling.is_some(),
            write_faults: weight.times(count.write),
            read_faults: weight.times(count.read),
            execute_faults: weight.times(count.execute),
            origin: own_line(process, &lines).map(StackFrame::from_frame),
            stack: frames(process, &lines),
        })
        .collect()
}
