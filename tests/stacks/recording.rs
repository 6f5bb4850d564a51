//! What the tool recorded: calls and faults, and the lines of their stacks.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use tracer_core::event::{Call, EventKind, Faults, StackId, Syscall};
use tracer_core::ledger::symbols::{Line, SymbolTable};
use tracer_core::trace::Reader;

use super::references::Place;

/// A trace, read with the code that makes reports.
pub(super) struct Recording {
    symbols: SymbolTable,
    /// Whether each stack was cut at the depth limit.
    truncated: BTreeMap<StackId, bool>,
    /// In the order of their returns.
    pub(super) calls: Vec<Call>,
    pub(super) faults: Vec<Faults>,
    /// Events that were lost, of any kind.
    pub(super) lost: u64,
}

/// A stack as reports show it.
pub(super) struct Stack {
    /// Innermost first.
    pub(super) lines: Vec<Place>,
    /// It is deeper than what is recorded.
    pub(super) truncated: bool,
}

impl Recording {
    /// Reads a whole trace.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        let mut recording = Self {
            symbols: SymbolTable::default(),
            truncated: BTreeMap::new(),
            calls: Vec::new(),
            faults: Vec::new(),
            lost: 0,
        };
        let mut reader = Reader::new(&bytes).context("not a trace")?;
        for event in reader.by_ref() {
            match event.kind {
                EventKind::Stack(stack) => {
                    recording.symbols.add_stack(&stack);
                    recording.truncated.insert(stack.id, stack.truncated);
                }
                EventKind::Symbols(symbols) => recording.symbols.add_symbols(&symbols),
                EventKind::Call(call) => recording.calls.push(call),
                EventKind::Faults(faults) => recording.faults.push(faults),
                EventKind::Loss(loss) => {
                    recording.lost = loss.counts.iter().map(|kind| kind.lost).sum();
                }
                _ => {}
            }
        }
        ensure!(
            reader.damage().is_none(),
            "damaged trace: {:?}",
            reader.damage()
        );
        Ok(recording)
    }

    /// The stack of a call or of faults; empty when it was lost.
    pub(super) fn stack(&self, id: Option<StackId>) -> Stack {
        let lines = self.symbols.lines(id).into_iter();
        let truncated = id.and_then(|id| self.truncated.get(&id)).copied();
        Stack {
            lines: lines.map(place).collect(),
            truncated: truncated.unwrap_or(false),
        }
    }
}

impl Stack {
    /// Where the innermost line of a function is.
    pub(super) fn position(&self, function: &str) -> Option<usize> {
        self.lines.iter().position(|line| line.function == function)
    }

    /// Function names, innermost first.
    pub(super) fn functions(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|line| line.function.as_str())
    }
}

fn place(line: Line<'_>) -> Place {
    match line {
        Line::Named(frame) => Place {
            function: frame.function.clone(),
            file: frame.file.clone(),
            line: frame.line,
        },
        Line::Bare(address) => Place {
            function: format!("{address:#x}"),
            ..Place::default()
        },
    }
}

/// The address that a call names, if it is one of the kinds that the programs mark.
pub(super) fn address(call: &Call) -> Option<u64> {
    match call.what {
        Syscall::Madvise { addr, .. }
        | Syscall::Mprotect { addr, .. }
        | Syscall::Munmap { addr, .. } => Some(addr),
        _ => None,
    }
}
