//! Stacks as readers see them, and counts summed over equal ones.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::Serialize;

use crate::event::{Frame, StackId};
use crate::ledger::modules::ModuleTable;
use crate::ledger::symbols::Line;
use crate::names;
use crate::process::Process;

/// One line of a stack.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct StackFrame {
    /// Name of the function; else where in which file it is, as the file's linker counts; else
    /// its address in the process. Numbers are hexadecimal.
    pub function: String,
    /// Source file.
    pub file: Option<String>,
    /// Source line.
    pub line: Option<u32>,
    /// Called inline by the next line.
    pub inlined: bool,
    /// Why there is no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsymbolized: Option<String>,
}

impl StackFrame {
    pub(crate) fn from_frame(frame: &Frame) -> Self {
        Self {
            function: names::plain(&frame.function).to_owned(),
            file: Some(frame.file.clone()).filter(|file| !file.is_empty()),
            line: Some(frame.line).filter(|line| *line > 0),
            inlined: frame.inlined,
            unsymbolized: None,
        }
    }

    /// `main.load (load.go:12)`, or the name alone.
    #[must_use]
    pub fn place(&self) -> String {
        if let Some(why) = &self.unsymbolized {
            return format!("{} (unsymbolized: {why})", self.function);
        }
        let Some(file) = &self.file else {
            return self.function.clone();
        };
        let name = file.rsplit('/').next().unwrap_or(file);
        match self.line {
            Some(line) => format!("{} ({name}:{line})", self.function),
            None => format!("{} ({name})", self.function),
        }
    }

    /// The innermost function at an address that is not part of a stack.
    pub(super) fn at(process: &Process, address: u64, is_return: bool) -> Self {
        match process.symbols().innermost(address, is_return) {
            Some(frame) => Self::from_frame(frame),
            None => Self::without_name(process.modules(), address),
        }
    }

    fn from_line(process: &Process, line: &Line<'_>) -> Self {
        match line {
            Line::Named(frame) => Self::from_frame(frame),
            Line::Bare(address) => Self::without_name(process.modules(), *address),
        }
    }

    fn without_name(modules: &ModuleTable, address: u64) -> Self {
        let module = modules.at(address);
        let function = match module.map(|module| (module, module.link_address_of(address))) {
            Some((module, Some(address))) => format!("{}+{address:#x}", module.name()),
            Some((module, None)) => format!("{address:#x} in {}", module.name()),
            None => format!("{address:#x}"),
        };
        let unsymbolized = match module.map(|module| &module.trouble) {
            Some(Some(why)) => why.as_str(),
            Some(None) => "it has no symbol there",
            None => "no file is mapped there, or its symbols were not ready",
        };
        Self {
            function,
            file: None,
            line: None,
            inlined: false,
            unsymbolized: Some(unsymbolized.to_owned()),
        }
    }
}

/// The lines of a stack for the report.
pub(super) fn frames(process: &Process, lines: &[Line<'_>]) -> Vec<StackFrame> {
    let lines = lines.iter();
    lines
        .map(|line| StackFrame::from_line(process, line))
        .collect()
}

/// A stack without the runtime's own lines at its inner end, unless it has no others.
pub(crate) fn outside_runtime(stack: &[StackFrame]) -> &[StackFrame] {
    let is_runtime = |frame: &&StackFrame| {
        let package = names::package(&frame.function);
        let package = package.as_deref().unwrap_or("");
        package == "runtime" || package.starts_with("internal/runtime/")
    };
    let hidden = stack.iter().take_while(is_runtime).count();
    match &stack[hidden..] {
        [] => stack,
        rest => rest,
    }
}

/// The innermost line that is the service's own.
pub(crate) fn own_line<'a>(process: &Process, lines: &[Line<'a>]) -> Option<&'a Frame> {
    own_lines(process, lines).next()
}

/// The lines that are the service's own, innermost first.
pub(crate) fn own_lines<'a>(
    process: &Process,
    lines: &[Line<'a>],
) -> impl Iterator<Item = &'a Frame> {
    let frames = lines.iter().filter_map(|line| line.frame());
    frames.filter(|frame| names::is_own(frame, process.facts()))
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
