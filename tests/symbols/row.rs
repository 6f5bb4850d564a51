//! What was compared in a cell of the matrix, as a line of a table.

use std::fmt::Write as _;
use std::io::Write as _;

use super::build::Build;
use super::explained::EXPLAINED;

/// The counts of one executable and its twin.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) build: Build,
    /// Size of the stripped executable.
    pub(crate) stripped: u64,
    pub(crate) functions: usize,
    pub(crate) pcs: usize,
    /// Pcs in inlined calls.
    pub(crate) inlined: usize,
    /// Differences by the index of their explanation.
    pub(crate) explained: Vec<usize>,
    pub(crate) seconds: f64,
}

impl Row {
    /// Prints to where the test harness does not swallow it.
    pub(crate) fn print(&self) {
        let mut line = format!(
            "symbols: go {:4} {:8} {:9} {:6.1} MB {:6} functions {:7} pcs {:6} inlined {:5.1} s",
            self.build.go.language(),
            self.build.program.name,
            self.build.link.name(),
            self.stripped as f64 / 1e6,
            self.functions,
            self.pcs,
            self.inlined,
            self.seconds,
        );
        for (explanation, count) in EXPLAINED.iter().zip(&self.explained) {
            if *count > 0 {
                let _ = write!(line, ", {count} {}", explanation.name);
            }
        }
        line.push('\n');
        // Nobody reads a closed pipe.
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
}
