//! Addresses of a file, as its linker numbered them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracer_core::event::Frame;

use super::file::TargetFile;
use super::module::Module;
use super::names::Names;
use super::tables::Program;
use crate::go::{self, Binary};

/// A file whose addresses are looked up.
#[derive(Debug)]
pub struct Listing {
    module: Module,
    program: Program,
    names: Names,
}

/// Why a file cannot be looked into.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be opened or read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is no executable or library, or one of a kind that is not understood.
    #[error("{0}")]
    Unsupported(go::Error),
    /// It was one once.
    #[error("{0}")]
    Damaged(go::Error),
}

impl Listing {
    /// Opens an executable or a library; `helper` as in `Symbolizer::new`.
    ///
    /// # Errors
    /// When it is no regular file, or no ELF file that is understood.
    pub fn open(path: &Path, helper: PathBuf) -> Result<Self, Error> {
        let file = Arc::new(TargetFile::open(path)?);
        let program = Program::read(&file)?.map_err(|error| match error {
            go::Error::Damaged(_) => Error::Damaged(error),
            go::Error::NotElf | go::Error::Unsupported(_) => Error::Unsupported(error),
        })?;
        Ok(Self {
            module: Module::of_file(path, file),
            program,
            names: Names::new(helper),
        })
    }

    /// What the file says about itself.
    #[must_use]
    pub fn binary(&self) -> &Binary {
        &self.program.binary
    }

    /// By what a trace knows the file: its build id, else a hash.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.program.identity
    }

    /// The last part of its path.
    #[must_use]
    pub fn name_of_file(&self) -> &str {
        &self.module.name
    }

    /// As `go::Table::frameless`.
    #[must_use]
    pub fn frameless(&self, address: u64) -> bool {
        let table = self.program.binary.table.as_ref();
        table.is_some_and(|table| table.frameless(address))
    }

    /// Calls `visit` once for each address, in any order, with its index and its calls, innermost
    /// first; returns why some have none.
    pub fn each(
        &mut self,
        addresses: &[u64],
        mut visit: impl FnMut(usize, &[go::Frame<'_>]),
    ) -> Option<String> {
        let Self {
            module,
            program,
            names,
        } = self;
        let trouble = names.each(module, program, addresses, |index, calls, _| {
            visit(index, calls);
        });
        trouble.map(|why| why.to_string())
    }

    /// The calls at each address, innermost first, and why some are unknown.
    pub fn name(&mut self, addresses: &[u64]) -> (Vec<Vec<Frame>>, Option<String>) {
        let named = self.names.name(&self.module, &self.program, addresses);
        (named.calls, named.trouble.map(|why| why.to_string()))
    }
}
