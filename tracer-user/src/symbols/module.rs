//! One executable or library: Go's tables first, the symbols of C and others behind them.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;
use std::rc::Rc;

use anyhow::Context;
use blazesym::helper::ElfResolver;
use blazesym::symbolize::{
    CodeInfo, FindSymOpts, InlinedFn, Reason, ResolvedSym, SrcLang, Symbolize, TranslateFileOffset,
};

use super::file::TargetFile;
use super::snapshot::Snapshot;
use crate::go::{Binary, Frame, Table};

/// The symbols of one file.
#[derive(Debug)]
pub(super) struct Module {
    binary: Binary,
    /// What is not Go.
    elf: Option<ElfResolver>,
    name: String,
}

impl Module {
    /// Reads all that later questions need.
    pub(super) fn read(file: &TargetFile, name: String) -> anyhow::Result<Self> {
        let binary = Binary::parse(&file.read_skeleton()?)?;
        let all_is_go = binary.table.is_some() && !binary.cgo;
        let elf = if all_is_go {
            Ok(None)
        } else {
            read_elf(file).map(Some)
        };
        let elf = elf.unwrap_or_else(|error| {
            tracing::warn!(?name, "no symbols but Go's of this file: {error:#}");
            None
        });
        Ok(Self { binary, elf, name })
    }

    /// Go's tables, and the link-time address of a byte of the file in them.
    pub(super) fn go(&self, file_offset: u64) -> Option<(&Table, u64)> {
        let table = self.binary.table.as_ref()?;
        let address = self.binary.address_of(file_offset)?;
        table.function_entry(address)?;
        Some((table, address))
    }

    fn find_go(&self, table: &Table, address: u64) -> Option<ResolvedSym<'_>> {
        let entry = table.function_entry(address)?;
        let mut frames = self.frames(address);
        let outer = frames.pop()?;
        let inlined = frames.into_iter().rev().map(|frame| InlinedFn {
            code_info: code_info(&frame),
            name: frame.function,
            _non_exhaustive: (),
        });
        Some(ResolvedSym {
            code_info: code_info(&outer).map(Box::new),
            name: match outer.function {
                Cow::Borrowed(name) => name,
                // Compilers write UTF-8.
                Cow::Owned(_) => "?",
            },
            module: Some(OsStr::new(&self.name)),
            addr: entry,
            size: None,
            lang: SrcLang::Unknown,
            inlined: inlined.collect(),
            _non_exhaustive: (),
        })
    }

    fn frames(&self, address: u64) -> Vec<Frame<'_>> {
        self.binary
            .table
            .as_ref()
            .map(|table| table.lookup(address))
            .unwrap_or_default()
    }
}

fn read_elf(file: &TargetFile) -> anyhow::Result<ElfResolver> {
    let snapshot = Snapshot::take(file).context("copy it")?;
    // The resolver maps the copy, so the copy may be closed afterwards.
    ElfResolver::open(snapshot.path()).context("read its symbols")
}

fn code_info<'t>(frame: &Frame<'t>) -> Option<CodeInfo<'t>> {
    if frame.file.is_empty() {
        return None;
    }
    Some(CodeInfo {
        dir: None,
        file: match &frame.file {
            Cow::Borrowed(file) => Cow::Borrowed(OsStr::new(*file)),
            Cow::Owned(file) => Cow::Owned(file.into()),
        },
        line: Some(frame.line),
        column: None,
        _non_exhaustive: (),
    })
}

/// What blazesym asks about the addresses of one mapping; `None` is a file we could not read.
#[derive(Debug)]
pub(super) struct Resolver(pub(super) Option<Rc<Module>>);

impl Symbolize for Resolver {
    fn find_sym(
        &self,
        address: u64,
        options: &FindSymOpts,
    ) -> blazesym::Result<Result<ResolvedSym<'_>, Reason>> {
        let Some(module) = &self.0 else {
            return Ok(Err(Reason::Unsupported));
        };
        let table = module.binary.table.as_ref();
        if let Some(symbol) = table.and_then(|table| module.find_go(table, address)) {
            return Ok(Ok(symbol));
        }
        let Some(elf) = &module.elf else {
            return Ok(Err(Reason::UnknownAddr));
        };
        let found = elf.find_sym(address, options)?;
        Ok(found.map(|symbol| ResolvedSym {
            module: Some(OsStr::new(&module.name)),
            ..symbol
        }))
    }
}

impl TranslateFileOffset for Resolver {
    fn file_offset_to_virt_offset(&self, file_offset: u64) -> blazesym::Result<Option<u64>> {
        // For an unreadable file any answer does: `find_sym` knows nothing.
        Ok(match &self.0 {
            Some(module) => module.binary.address_of(file_offset),
            None => Some(file_offset),
        })
    }
}

/// The last part of a path as `/proc/PID/maps` shows it.
pub(super) fn base_name(path: &str) -> String {
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    Path::new(path)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::base_name;

    #[track_caller]
    fn check(path: &str, expected: &str) {
        assert_eq!(base_name(path), expected);
    }

    #[test]
    fn base_names() {
        check("/usr/lib/libc.so.6", "libc.so.6");
        check("/srv/shop (deleted)", "shop");
        check("/memfd:stage2 (deleted)", "memfd:stage2");
        check("/srv/with space", "with space");
        check("", "");
    }
}
