//! System calls by name, class and stack.

use std::collections::BTreeMap;

use serde::Serialize;

use super::stack::{StackFrame, by_lines, frames};
use crate::ledger::calls::{CallCount, CallName, CallTally};
use crate::ledger::symbols::Line;
use crate::names::{Class, classify};
use crate::process::Process;

/// Stacks shown of each call; the rest is summed up by class.
const MAX_STACKS: usize = 10;

/// One system call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallLine {
    /// Its name; each advice is a call of its own.
    pub call: String,
    /// Calls that returned, failed ones included.
    pub count: u64,
    /// Calls the kernel refused.
    pub failed: u64,
    /// Bytes asked for by the calls that succeeded; `None` for calls without a length.
    pub bytes: Option<u64>,
    /// Who called. All origins together are the whole line, unless they are estimates.
    pub origins: Vec<CallOrigin>,
}

/// Who called.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallOrigin {
    /// Why, told from the stack.
    pub class: Class,
    /// Calls that returned, failed ones included.
    pub count: u64,
    /// Calls the kernel refused.
    pub failed: u64,
    /// Bytes asked for by the calls that succeeded.
    pub bytes: Option<u64>,
    /// Count, failed and bytes are estimated from a sample of stacks.
    pub estimated: bool,
    /// How many different stacks this sums up.
    pub stacks: u64,
    /// Innermost first; empty when lost, or when it stands for several.
    pub stack: Vec<StackFrame>,
}

impl CallLine {
    /// Count and bytes by class.
    #[must_use]
    pub fn classes(&self) -> BTreeMap<Class, (u64, u64)> {
        let mut sums = BTreeMap::new();
        for origin in &self.origins {
            let sum: &mut (u64, u64) = sums.entry(origin.class).or_default();
            sum.0 = sum.0.saturating_add(origin.count);
            sum.1 = sum.1.saturating_add(origin.bytes.unwrap_or(0));
        }
        sums
    }
}

pub(super) fn lines(process: &Process) -> Vec<CallLine> {
    let line = |(name, tally): (CallName, &CallTally)| {
        let total = tally.total();
        CallLine {
            call: name.to_string(),
            count: total.count,
            failed: total.failed,
            bytes: total.bytes,
            origins: origins(process, tally),
        }
    };
    process.calls().iter().map(line).collect()
}

fn origins(process: &Process, tally: &CallTally) -> Vec<CallOrigin> {
    let estimated = tally.is_estimated();
    let stacks = by_lines(process, tally.by_stack());
    let mut stacks: Vec<(Vec<Line<'_>>, CallCount)> = stacks.into_iter().collect();
    // The map's order decides between equals.
    stacks.sort_by_key(|(_, count)| std::cmp::Reverse((count.bytes, count.count)));
    let mut rest: BTreeMap<Class, CallOrigin> = BTreeMap::new();
    let mut shown = Vec::new();
    for (index, (lines, count)) in stacks.into_iter().enumerate() {
        let class = class_of(process, &lines);
        if index < MAX_STACKS {
            shown.push(CallOrigin {
                class,
                count: count.count,
                failed: count.failed,
                bytes: count.bytes,
                estimated,
                stacks: 1,
                stack: frames(process, &lines),
            });
            continue;
        }
        let sum = rest.entry(class).or_insert_with(|| CallOrigin {
            class,
            count: 0,
            failed: 0,
            bytes: count.bytes.map(|_| 0),
            estimated,
            stacks: 0,
            stack: Vec::new(),
        });
        sum.count = sum.count.saturating_add(count.count);
        sum.failed = sum.failed.saturating_add(count.failed);
        sum.bytes = sum
            .bytes
            .map(|bytes| bytes.saturating_add(count.bytes.unwrap_or(0)));
        sum.stacks += 1;
    }
    shown.extend(rest.into_values());
    shown
}

/// Why the call of this stack was made.
pub(crate) fn class_of(process: &Process, lines: &[Line<'_>]) -> Class {
    classify(
        lines.iter().filter_map(|line| line.frame()),
        process.is_go(),
    )
}
