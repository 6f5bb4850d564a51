//! What a reader gets: everything known about one process at one instant.
//!
//! [`Report::on`] is the only way from ledgers to words; the renderers see nothing else, so
//! a live report and a replayed one are equal byte for byte.

mod allocations;
mod calls;
mod conclusion;
mod diff;
mod effects;
mod escape;
mod given_back;
mod goroutines;
mod growth;
mod heap;
mod holders;
mod loss;
mod memory;
mod numbers;
mod sockets;
mod stack;
mod summary;
mod text;
mod verdict;
mod wrap;

pub use allocations::AllocationProbes;
pub use calls::{CallLine, CallOrigin};
pub use conclusion::Conclusion;
pub use diff::{Change, Diff, diff_text};
pub use escape::escape;
pub use given_back::GivenBack;
pub use goroutines::{GoroutineSite, Goroutines, OwnLine, WaitLine};
pub use growth::GrowthLine;
pub use heap::{AfterGcTrend, ClassLine, Heap, HeapSiteLine};
pub use holders::{HolderLine, HolderSearch, RootLine};
pub use loss::{CpuLine, GapLine, LossLine};
pub use memory::{LedgerLine, LedgerTable, Memory};
pub use sockets::{
    ChainHop, Closer, ConnectCounts, Creators, Direction, OtherDescriptors, PerOpen, Slope,
    SocketOrigin, Sockets, UnexplainedSockets, Usage,
};
pub use stack::StackFrame;
pub use summary::{Cgroup, Overflow, ProcessSummary, Recording, Window};
pub use text::{holders_text, sockets_text, text};
pub use verdict::{Evidence, Origin, Status, VerdictLine};
pub use wrap::{WIDTH, wrap};

pub(crate) use allocations::own_lines as allocating_lines;
pub(crate) use calls::class_of;
pub(crate) use growth::lines as growth_lines;
pub(crate) use numbers::{about, mib, objects, plural, signed_mib};
pub(crate) use stack::{by_lines, outside_runtime, own_line};

use serde::Serialize;

use self::memory::LAZY_FREE;
use crate::process::Process;
use crate::rules::{RULES, judge};

/// Name and version of the JSON form.
pub const SCHEMA: &str = "tracer/report/1";

/// The report on one process. What was not measured is `None`, never 0.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Who the process is.
    pub process: ProcessSummary,
    /// What was watched.
    pub window: Window,
    /// What is wrong with the file it comes from; `None` when nothing is, or when live.
    pub recording: Option<Recording>,
    /// What did not fit the engine's tables.
    pub overflow: Overflow,
    /// Stacks are those of a sample, one of so many bytes on average; `None` when all were taken.
    pub sample_bytes: Option<u64>,
    /// Kernel events by kind: seen, received, lost.
    pub loss: Vec<LossLine>,
    /// The answer.
    pub conclusion: Conclusion,
    /// The answer's reason, in one or two sentences.
    pub why: String,
    /// What each rule says: leaks first, then what else was found, then the rest.
    pub verdicts: Vec<VerdictLine>,
    /// Where RSS is, all at one instant.
    pub ledger: Option<LedgerTable>,
    /// How RSS moved.
    pub memory: Option<Memory>,
    /// The memory cgroup.
    pub cgroup: Option<Cgroup>,
    /// System calls by name, and who made them.
    pub calls: Vec<CallLine>,
    /// Memory touched for the first time, by stack, largest first.
    pub growth: Vec<GrowthLine>,
    /// The Go heap; `None` when it is not a Go program.
    pub heap: Option<Heap>,
    /// Sockets by origin.
    pub sockets: Option<Sockets>,
    /// Who keeps objects alive; `None` when it was not searched.
    pub holders: Option<Vec<HolderLine>>,
    /// How that was searched.
    pub holder_search: Option<HolderSearch>,
    /// Goroutines by creation site.
    pub goroutines: Option<Goroutines>,
}

impl Report {
    /// The report on a process as it stands.
    #[must_use]
    pub fn on(process: &Process) -> Self {
        let mut verdicts: Vec<VerdictLine> = RULES
            .iter()
            .map(|rule| VerdictLine::new(rule.name(), judge(*rule, process)))
            .collect();
        // What was found comes first; else they stay in the order of the rules.
        verdicts.sort_by_key(|verdict| (verdict.status != Status::Found, !verdict.leak));
        effects::tie(&mut verdicts, process);
        let growth = growth::lines(process);
        let heap = Heap::on(process);
        let (conclusion, why) = conclusion::conclude(process, &verdicts, heap.as_ref(), &growth);
        Self {
            schema: SCHEMA,
            process: ProcessSummary::on(process),
            window: Window::on(process),
            recording: None,
            overflow: Overflow::on(process),
            sample_bytes: process.sampling().map(|sampling| sampling.mean_bytes),
            loss: loss::lines(process),
            conclusion,
            why,
            verdicts,
            ledger: ledger(process),
            memory: Memory::on(process.memory()),
            cgroup: process.cgroup().map(Cgroup::from),
            calls: calls::lines(process),
            growth,
            heap,
            sockets: Sockets::on(process),
            holders: HolderLine::on(process),
            holder_search: process.go().holders().map(HolderSearch::new),
            goroutines: Goroutines::on(process),
        }
    }

    /// Events lost, over all kinds.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.loss
            .iter()
            .fold(0, |sum, line| sum.saturating_add(line.lost))
    }
}

fn ledger(process: &Process) -> Option<LedgerTable> {
    let table = LedgerTable::on(process.memory(), process.go())?;
    let mut lines = table.lines.iter();
    let lazy_free = lines.find(|line| line.name == LAZY_FREE)?.bytes;
    Some(LedgerTable {
        lazy_free_by: given_back::by_class(process, lazy_free.unwrap_or(0)),
        ..table
    })
}

/// The part of the report about sockets.
#[derive(Serialize)]
struct SocketReport<'a> {
    schema: &'a str,
    process: &'a ProcessSummary,
    window: &'a Window,
    loss: &'a [LossLine],
    sockets: &'a Option<Sockets>,
}

/// The part of the report about sockets, as [`json`] gives the whole.
#[must_use]
pub fn sockets_json(report: &Report) -> String {
    pretty(&SocketReport {
        schema: "tracer/sockets/1",
        process: &report.process,
        window: &report.window,
        loss: &report.loss,
        sockets: &report.sockets,
    })
}

/// The report as one JSON object, ending in a newline. Text of the target stands as it is.
#[must_use]
pub fn json(report: &Report) -> String {
    pretty(report)
}

/// What changed, as one JSON object.
#[must_use]
pub fn diff_json(diff: &Diff) -> String {
    pretty(diff)
}

fn pretty<T: Serialize>(report: &T) -> String {
    // Only maps with keys that are not strings could fail, and there are none.
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}
