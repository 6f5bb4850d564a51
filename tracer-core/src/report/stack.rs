//! Stacks as readers see them, and counts summed over equal ones.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::Serialize;

use crate::event::{Frame, StackId};
use crate::ledger::symbols::Line;
use crate::names;
use crate::process::Process;

/// One line of a stack.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct StackFrame {
    /// Name of the function, else its address in hexadecimal.
    pub function: String,
    /// Source file.
    pub file: Option<String>,
    /// Source line.
    pub line: Option<u32>,
    /// Called inline by the next line.
    pub inlined: bool,
}

impl StackFrame {
    pub(crate) fn from_frame(frame: &Frame) -> Self {
        Self {
            function: names::plain(&frame.function).to_owned(),
            file: Some(frame.file.clone()).filter(|file| !file.is_empty()),
            line: Some(frame.line).filter(|line| *line > 0),
            inlined: frame.inlined,
        }
    }

    /// `main.load (load.go:12)`, or the name alone.
    pub(super) fn place(&self) -> String {
        let Some(file) = &self.file else {
            return self.function.clone();
        };
        let name = file.rsplit('/').next().unwrap_or(file);
        match self.line {
            Some(line) => format!("{} ({name}:{line})", self.function),
            None => format!("{} ({name})", self.function),
        }
    }

    fn from_line(line: &Line<'_>) -> Self {
        match line {
            Line::Named(frame) => Self::from_frame(frame),
            Line::Bare(address) => Self {
                function: format!("{address:#x}"),
                file: None,
                line: None,
                inlined: false,
            },
        }
    }
}

/// The lines of a stack for the report.
pub(super) fn frames(lines: &[Line<'_>]) -> Vec<StackFrame> {
    lines.iter().map(StackFrame::from_line).collect()
}

/// The innermost line that is the service's own.
pub(crate) fn own_line<'a>(process: &Process, lines: &[Line<'a>]) -> Option<&'a Frame> {
    let mut frames = lines.iter().filter_map(|line| line.frame());
    frames.find(|frame| names::is_own(frame, process.facts()))
}

/// Sums counts over stacks that read alike: different addresses may be one source line.
pub(crate) fn by_lines<'a, T: Default + AddAssign>(
    process: &'a Process,
    counts: impl Iterator<Item = (Option<StackId>, T)>,
) -> BTreeMap<Vec<Line<'a>>, T> {
    let mut sums: BTreeMap<Vec<Line<'a>>, T> = BTreeMap::new();
    for (stack, count) in counts {
        *sums.entry(process.symbols().lines(stack)).or_default() += count;
    }
    sums
}
