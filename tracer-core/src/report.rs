//! What a reader gets: everything known about one process at one instant.
//!
//! [`Report::on`] is the only way from ledgers to words; the renderers see nothing else, so
//! a live report and a replayed one are equal byte for byte.

mod calls;
mod conclusion;
mod escape;
mod growth;
mod memory;
mod numbers;
mod sockets;
mod stack;
mod summary;
mod text;
mod verdict;
mod wrap;

pub use calls::{CallLine, CallOrigin};
pub use conclusion::Conclusion;
pub use escape::escape;
pub use growth::GrowthLine;
pub use memory::{LedgerLine, LedgerTable, Memory};
pub use sockets::{SocketOrigin, Sockets};
pub use stack::StackFrame;
pub use summary::{Cgroup, LossLine, Overflow, ProcessSummary, Recording, Window};
pub use text::text;
pub use verdict::{Evidence, Origin, Status, VerdictLine};
pub use wrap::{WIDTH, wrap};

pub(crate) use calls::class_of;
pub(crate) use numbers::plural;
pub(crate) use stack::{by_lines, own_line};

use serde::Serialize;

use crate::process::Process;
use crate::rules::RULES;

/// Name and version of the JSON form.
pub const SCHEMA: &str = "tracer/report/1";

/// A thing this version does not measure; `null` in JSON.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct NotMeasured;

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
    /// Kernel events by kind: seen, received, lost.
    pub loss: Vec<LossLine>,
    /// The answer.
    pub conclusion: Conclusion,
    /// The answer's reason, in one or two sentences.
    pub why: String,
    /// What each rule says, in the order of the rules.
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
    /// The Go heap.
    pub heap: NotMeasured,
    /// Sockets by origin.
    pub sockets: Option<Sockets>,
    /// Who keeps objects alive.
    pub holders: NotMeasured,
    /// Goroutines by creation site.
    pub goroutines: NotMeasured,
}

impl Report {
    /// The report on a process as it stands.
    #[must_use]
    pub fn on(process: &Process) -> Self {
        let verdicts: Vec<VerdictLine> = RULES
            .iter()
            .map(|rule| VerdictLine::new(rule.name(), rule.judge(process)))
            .collect();
        let growth = growth::lines(process);
        let (conclusion, why) = conclusion::conclude(process, &verdicts, &growth);
        Self {
            schema: SCHEMA,
            process: ProcessSummary::on(process),
            window: Window::on(process),
            recording: None,
            overflow: Overflow::on(process),
            loss: process.loss().iter().map(LossLine::from).collect(),
            conclusion,
            why,
            verdicts,
            ledger: LedgerTable::on(process.memory()),
            memory: Memory::on(process.memory()),
            cgroup: process.cgroup().map(Cgroup::from),
            calls: calls::lines(process),
            growth,
            heap: NotMeasured,
            sockets: Sockets::on(process),
            holders: NotMeasured,
            goroutines: NotMeasured,
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

/// The report as one JSON object, ending in a newline. Text of the target stands as it is.
#[must_use]
pub fn json(report: &Report) -> String {
    // Only maps with keys that are not strings could fail, and there are none.
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}
