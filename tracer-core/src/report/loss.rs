//! Kernel events that were seen, and what became of them.

use serde::Serialize;

use crate::event::{CpuLoss, LossCount, LossGap};
use crate::process::Process;

/// Kernel events of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LossLine {
    /// Name of the call or event.
    pub kind: String,
    /// Seen by the probe.
    pub expected: u64,
    /// Arrived here.
    pub received: u64,
    /// Dropped on the way.
    pub lost: u64,
    /// Of the lost, added up by their stack, if they have one, all the same.
    pub summed: u64,
    /// Runs of the probe that the kernel skipped, in any process: at most so many events more were
    /// not seen.
    pub skipped: u64,
    /// What each CPU saw; empty before the end of the recording.
    pub cpus: Vec<CpuLine>,
    /// When events were dropped.
    pub gaps: Vec<GapLine>,
}

/// What one CPU saw of a kind.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct CpuLine {
    /// Number of the CPU.
    pub cpu: u32,
    /// Seen by the probe.
    pub expected: u64,
    /// Arrived here.
    pub received: u64,
    /// Dropped on the way.
    pub lost: u64,
}

/// Events that one CPU dropped between two tellings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GapLine {
    /// Number of the CPU.
    pub cpu: u32,
    /// The first of them, since the recording began.
    pub from_seconds: f64,
    /// The last of them.
    pub to_seconds: f64,
    /// How many.
    pub lost: u64,
}

pub(super) fn lines(process: &Process) -> Vec<LossLine> {
    let line = |count: &LossCount| LossLine {
        kind: count.kind.clone(),
        expected: count.expected,
        received: count.received,
        lost: count.lost,
        summed: process.loss().summed(&count.kind),
        skipped: count.skipped,
        cpus: of_cpus(process.loss().by_cpu(&count.kind)),
        gaps: gaps(process, &count.kind),
    };
    process.loss().iter().map(line).collect()
}

fn of_cpus(known: &[CpuLoss]) -> Vec<CpuLine> {
    let line = |loss: &CpuLoss| CpuLine {
        cpu: loss.cpu,
        expected: loss.count.expected,
        received: loss.count.received,
        lost: loss.count.lost,
    };
    known.iter().map(line).collect()
}

fn gaps(process: &Process, kind: &str) -> Vec<GapLine> {
    let line = |gap: &LossGap| GapLine {
        cpu: gap.cpu,
        from_seconds: process.seconds_until(gap.from),
        to_seconds: process.seconds_until(gap.to),
        lost: gap.lost,
    };
    process.loss().gaps(kind).map(line).collect()
}

/// From the first to the last event that was dropped, in seconds; `None` when no time is known.
pub(super) fn span(gaps: &[GapLine]) -> Option<(f64, f64)> {
    let first = gaps.iter().map(|gap| gap.from_seconds).reduce(f64::min)?;
    let last = gaps.iter().map(|gap| gap.to_seconds).reduce(f64::max)?;
    Some((first, last))
}
