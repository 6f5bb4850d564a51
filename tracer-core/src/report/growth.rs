//! Memory touched for the first time, by stack.

use std::cmp::Reverse;

use serde::Serialize;

use super::stack::{StackFrame, by_lines, frames, own_line};
use crate::process::Process;

/// Stacks shown.
const MAX_STACKS: usize = 20;

/// What one stack touched first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GrowthLine {
    /// At least this much became resident: pages written for the first time.
    pub bytes: u64,
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
    let mut stacks: Vec<_> = by_lines(process, process.faults().by_stack().iter())
        .into_iter()
        .collect();
    // The map's order decides between equals.
    stacks.sort_by_key(|(_, count)| Reverse((count.write, count.read, count.execute)));
    stacks.truncate(MAX_STACKS);
    stacks
        .into_iter()
        .map(|(lines, count)| GrowthLine {
            bytes: count.write.saturating_mul(page),
            write_faults: count.write,
            read_faults: count.read,
            execute_faults: count.execute,
            origin: own_line(process, &lines).map(StackFrame::from_frame),
            stack: frames(process, &lines),
        })
        .collect()
}
