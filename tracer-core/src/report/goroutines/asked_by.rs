//! The service's own lines behind the `go` statements of libraries.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::{Frame, StackId};
use crate::ledger::creators::Hop;
use crate::names;
use crate::process::Process;
use crate::report::stack::{StackFrame, own_line};

/// Creations looked at, the newest: enough to tell the lines that matter.
const MAX_CREATIONS: usize = 4096;

/// A line of the service, and what it has led to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OwnLine {
    /// The line.
    #[serde(flatten)]
    pub line: StackFrame,
    /// Goroutines, of the newest that were seen to be created.
    pub created: u64,
}

/// The lines behind each of these `go` statements that is not the service's own.
pub(super) fn asked_by(process: &Process, statements: &[u64]) -> BTreeMap<u64, Vec<OwnLine>> {
    let creators = process.creators();
    let foreign: Vec<u64> = statements
        .iter()
        .copied()
        .filter(|statement| own_at(process, *statement).is_none())
        .collect();
    let mut statement_of: BTreeMap<StackId, Option<u64>> = BTreeMap::new();
    let mut line_of: BTreeMap<Hop, Option<StackFrame>> = BTreeMap::new();
    let mut found: BTreeMap<u64, BTreeMap<StackFrame, u64>> = BTreeMap::new();
    for (goroutine, stack) in creators.newest(MAX_CREATIONS) {
        let has = |statement: &&u64| process.symbols().has_address(Some(stack), **statement);
        let statement = statement_of
            .entry(stack)
            .or_insert_with(|| foreign.iter().find(has).copied());
        let Some(statement) = *statement else {
            continue;
        };
        let chain = creators.chain(Some(goroutine));
        let line = chain.hops.into_iter().find_map(|hop| {
            let line = line_of.entry(hop).or_insert_with(|| own(process, hop));
            line.clone()
        });
        if let Some(line) = line {
            *found.entry(statement).or_default().entry(line).or_default() += 1;
        }
    }
    let sorted = |lines: BTreeMap<StackFrame, u64>| {
        let lines = lines.into_iter();
        let mut lines: Vec<_> = lines
            .map(|(line, created)| OwnLine { line, created })
            .collect();
        lines.sort_by_key(|own| Reverse(own.created));
        lines
    };
    let found = found.into_iter();
    found
        .map(|(statement, lines)| (statement, sorted(lines)))
        .collect()
}

/// The service's own line at which a goroutine was created.
fn own(process: &Process, hop: Hop) -> Option<StackFrame> {
    let frame = match hop {
        Hop::Seen(stack) => own_line(process, &process.symbols().lines(stack)),
        Hop::Listed(statement) => own_at(process, statement),
    };
    frame.map(StackFrame::from_frame)
}

fn own_at(process: &Process, statement: u64) -> Option<&Frame> {
    let frame = process.symbols().innermost(statement, true);
    frame.filter(|frame| names::is_own(frame, process.facts()))
}
