//! One way to write what three tools say in three ways.

use std::fmt;

/// A call at a pc.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Frame {
    pub(crate) function: String,
    pub(crate) place: Place,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.function, self.place)
    }
}

/// File and line; an empty file and line 0 where there is none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl Place {
    /// Reads `FILE:LINE`.
    pub(crate) fn parse(text: &str) -> Self {
        let (file, line) = text.rsplit_once(':').unwrap_or((text, "0"));
        Self {
            // Go writes its own relative names so into DWARF.
            file: file.strip_prefix("./").unwrap_or(file).replace("??", ""),
            line: line.parse().unwrap_or(0),
        }
    }
}

/// The name as pclntab has it, from the one in the symbol table or in DWARF.
///
/// pclntab has `[...]` for type arguments (`cmd/link/internal/ld/pcln.go`, `nameOff`), and names
/// without the suffix of the calling convention (`cmd/link/internal/ld/symtab.go`, `putelfsym`);
/// ELF names have no middle dots.
pub(crate) fn canonical(name: &str) -> String {
    let name = name.trim_end_matches(".abi0").replace('·', ".");
    let mut depth = 0_u32;
    let mut short = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '[' => {
                if depth == 0 {
                    short.push_str("[...]");
                }
                depth += 1;
            }
            ']' => depth = depth.saturating_sub(1),
            other if depth == 0 => short.push(other),
            _ => {}
        }
    }
    short
}
