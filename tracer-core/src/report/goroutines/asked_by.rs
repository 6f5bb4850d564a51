//! The service's own lines behind the `go` statements of libraries.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

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
    /// Goroutines that were started there: as many, where each of those was; few, where these started
    /// the others.
    #[serde(skip)]
    pub starters: u64,
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
    let mut found: BTreeMap<u64, BTreeMap<StackFrame, Led>> = BTreeMap::new();
    for (goroutine, stack) in creators.newest(MAX_CREATIONS) {
        let has = |statement: &&u64| process.symbols().has_address(Some(stack), **statement);
        let statement = statement_of
            .entry(stack)
            .or_insert_with(|| foreign.iter().find(has).copied());
        let Some(statement) = *statement else {
            continue;
        };
        let mut started = Some(goroutine);
        for hop in creators.chain(started).hops {
            let line = line_of.entry(hop).or_insert_with(|| own(process, hop));
            if let (Some(line), Some(started)) = (line, started) {
                let lines = found.entry(statement).or_default();
                let led = lines.entry(line.clone()).or_default();
                led.created += 1;
                led.starters.insert(started);
                break;
            }
            started = started.and_then(|goroutine| creators.creator(goroutine));
        }
    }
    let sorted = |lines: BTreeMap<StackFrame, Led>| {
        let lines = lines.into_iter();
        let own = |(line, led): (StackFrame, Led)| OwnLine {
            line,
            created: led.created,
            starters: led.starters.len() as u64,
        };
        let mut lines: Vec<_> = lines.map(own).collect();
        lines.sort_by_key(|own| Reverse(own.created));
        lines
    };
    let found = found.into_iter();
    found
        .map(|(statement, lines)| (statement, sorted(lines)))
        .collect()
}

/// What a line has led to.
#[derive(Default)]
struct Led {
    created: u64,
    starters: BTreeSet<u64>,
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
