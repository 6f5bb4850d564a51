//! One verdict: a check, on a kernel, with a hook family.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// One line of the matrix.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Cell {
    /// Version of the kernel as its makers number it.
    pub kernel: String,
    /// Go's name of the architecture.
    pub arch: String,
    /// The hook family; `auto` where the tool was left to choose.
    pub hooks: String,
    /// What was looked at.
    pub check: String,
    /// Whether it holds.
    pub ok: bool,
    /// What was seen, or why it does not hold.
    pub detail: String,
}

impl Cell {
    pub(super) fn json(&self) -> Value {
        json!({
            "kernel": self.kernel,
            "arch": self.arch,
            "hooks": self.hooks,
            "check": self.check,
            "ok": self.ok,
            "detail": self.detail,
        })
    }

    /// Reads a line of a guest's console, where firmware may have begun one; others are none.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line[line.find('{')?..].trim()).ok()?;
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        Some(Self {
            kernel: text("kernel")?,
            arch: text("arch")?,
            hooks: text("hooks")?,
            check: text("check")?,
            ok: value["ok"].as_bool()?,
            detail: text("detail")?,
        })
    }
}

/// Aligned, one line a cell; the reasons of failures stand below it.
pub(super) fn table(cells: &[Cell]) -> String {
    let mut text = String::new();
    for cell in cells {
        let verdict = if cell.ok { "ok" } else { "FAILED" };
        let mut lines = cell.detail.lines();
        // Writing into a string never fails.
        let _ = writeln!(
            text,
            "{:<10} {:<6} {:<11} {:<13} {verdict:<7} {}",
            cell.kernel,
            cell.arch,
            cell.hooks,
            cell.check,
            lines.next().unwrap_or_default()
        );
        for line in lines {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell() -> Cell {
        Cell {
            kernel: "6.1.192".to_owned(),
            arch: "amd64".to_owned(),
            hooks: "kprobe".to_owned(),
            check: "calls".to_owned(),
            ok: false,
            detail: "brk: 1 of 2\nand more".to_owned(),
        }
    }

    #[test]
    fn a_console_line_is_a_cell_or_nothing() {
        let line = cell().json();
        assert_eq!(Cell::parse(&format!("{line}\r")), Some(cell()));
        assert_eq!(
            Cell::parse(&format!("\u{1b}c\u{1b}[2J{line}")),
            Some(cell())
        );
        assert_eq!(Cell::parse("[    0.1] Booting"), None);
        assert_eq!(Cell::parse("{\"kernel\": \"6.1\"}"), None);
        assert_eq!(Cell::parse(""), None);
    }

    #[test]
    fn a_failure_says_all_of_its_reason() {
        assert_eq!(
            table(&[cell()]),
            "6.1.192    amd64  kprobe      calls         FAILED  brk: 1 of 2\n    and more\n"
        );
    }
}
