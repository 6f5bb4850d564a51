//! How much slower a load runs under a tool: runs without and with it, in turns.
//!
//! ```text
//! round:  U  T₁  U  T₂  U  …     one subject, the same operations
//! ratio:  T / mean of the two U beside it; discarded where these differ by more than 10 %
//! cell:   the median of the ratios, with what 80 % of them lie between
//! ```

use anyhow::{Result, ensure};

use super::cell::{Cell, Events, Measure};
use super::load::{Ran, Subject};
use super::tool::Tool;

/// Two runs without a tool that differ by more say that the machine was not quiet.
const QUIET: f64 = 0.10;

/// Measures each tool on a subject, a new one each round, and leaves out tools that are not there.
///
/// `figures` are what the subject tells of a run, as the cells name them.
pub(super) fn slowdown<S: Subject>(
    [bench, mode]: [&str; 2],
    figures: &[&str],
    start: impl Fn() -> Result<S>,
    tools: &[&Tool],
    pairs: usize,
) -> Result<Vec<Cell>> {
    let operations = start()?.calibrate()?;
    let mut series: Vec<_> = tools
        .iter()
        .filter(|tool| (tool.present)())
        .map(|tool| Series::new(tool))
        .collect();
    // Half of the pairs may be noise; more is not worth waiting for.
    for _ in 0..pairs * 2 {
        let mut subject = start()?;
        // The first run finds cold caches and a small heap.
        subject.run(operations / 4)?;
        let mut before = subject.run(operations)?;
        for series in series
            .iter_mut()
            .filter(|series| series.ratios.len() < pairs)
        {
            let with = series.run(&mut subject, operations)?;
            let after = subject.run(operations)?;
            series.take([&before, &after], &with);
            before = after;
        }
        if series.iter().all(|series| series.ratios.len() >= pairs) {
            break;
        }
    }
    let cells = series
        .iter()
        .map(|series| series.cells([bench, mode], figures));
    Ok(cells.collect::<Result<Vec<_>>>()?.concat())
}

struct Series<'a> {
    tool: &'a Tool,
    /// One of each figure a pair.
    ratios: Vec<Vec<f64>>,
    discarded: usize,
    events: Option<Events>,
}

impl<'a> Series<'a> {
    fn new(tool: &'a Tool) -> Self {
        Self {
            tool,
            ratios: Vec::new(),
            discarded: 0,
            events: None,
        }
    }

    fn run(&mut self, subject: &mut impl Subject, operations: u64) -> Result<Ran> {
        let attached = (self.tool.attach)(subject.pid())?;
        let ran = subject.run(operations / self.tool.divisor)?;
        if let Some(events) = attached.detach(&ran)? {
            self.events.get_or_insert_default().add(&events);
        }
        Ok(ran)
    }

    fn take(&mut self, [before, after]: [&Ran; 2], with: &Ran) {
        let (one, other) = (before.ns[0], after.ns[0]);
        if (one - other).abs() > QUIET * one.min(other) {
            self.discarded += 1;
            return;
        }
        let without = before.ns.iter().zip(&after.ns);
        let without = without.map(|(one, other)| f64::midpoint(*one, *other));
        let ratios = with
            .ns
            .iter()
            .zip(without)
            .map(|(with, without)| with / without);
        self.ratios.push(ratios.collect());
    }

    fn cells(&self, [bench, mode]: [&str; 2], figures: &[&str]) -> Result<Vec<Cell>> {
        let tool = self.tool;
        ensure!(
            !self.ratios.is_empty(),
            "{bench} {} {}: each of {} pairs was disturbed; the machine is not quiet",
            tool.name,
            tool.mode,
            self.discarded
        );
        let cell = |(at, figure): (usize, &&str)| {
            let ratios = self.ratios.iter().map(|ratios| ratios[at]).collect();
            let on = [mode, figure].concat();
            let mut cell =
                Cell::of_runs([bench, tool.name, tool.mode, &on], Measure::Ratio, ratios);
            cell.discarded = self.discarded;
            cell.events = self.events;
            cell
        };
        Ok(figures.iter().enumerate().map(cell).collect())
    }
}
