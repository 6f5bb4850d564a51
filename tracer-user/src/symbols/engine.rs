//! The symbolizer of one process.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use blazesym::MaybeDefault;
use blazesym::symbolize::source::{Kernel, Source};
use blazesym::symbolize::{Input, Symbolized};
use rustix::fs::{Mode, OFlags};
use tracer_core::event::{Frame, Module as ModuleEvent, Symbol};

use super::code::{Change, Code, Piece};
use super::names::Names;
use super::root::Root;
use super::{Executable, Query};
use crate::proc::maps;

/// User addresses have a clear top bit on all architectures.
const FIRST_KERNEL_ADDRESS: u64 = 1 << 63;

/// Names addresses of one process, also after it has exited.
///
/// Not `Send`: see `Worker` for a thread around it.
#[derive(Debug)]
pub struct Symbolizer {
    pid: u32,
    /// Its directory in `/proc`: no other process ever answers there, as one may under its pid.
    process: OwnedFd,
    root: Option<Arc<Root>>,
    kernel: blazesym::symbolize::Symbolizer,
    names: Names,
    code: Code,
    /// What was said of each piece of code, by its first address.
    told: BTreeMap<u64, ModuleEvent>,
}

/// What there is to say about some addresses.
#[derive(Debug, Default)]
pub struct Answer {
    /// Files that the addresses lie in, told the first time and when there is news.
    pub modules: Vec<ModuleEvent>,
    /// One for each query, in the same order. Unknown addresses have no frames.
    pub symbols: Vec<Symbol>,
}

impl Symbolizer {
    /// Opens every file with code in the process; they are read when an address in them is asked.
    ///
    /// `helper` is the program `tracer`, which names the code of C in a process of its own.
    ///
    /// # Errors
    /// When the process is gone, runs no program, or its mappings may not be read. A file that
    /// cannot be read only leaves its addresses without names.
    pub fn new(pid: u32, helper: PathBuf) -> anyhow::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let process = rustix::fs::open(format!("/proc/{pid}"), flags, Mode::empty());
        let process = process
            .map_err(io::Error::from)
            .context("open the process")?;
        let mut symbolizer = Self {
            pid,
            process,
            root: Root::of(pid).ok().map(Arc::new),
            // It would take short names for types of C++.
            kernel: blazesym::symbolize::Symbolizer::builder()
                .enable_demangling(false)
                .build(),
            names: Names::new(helper),
            code: Code::default(),
            told: BTreeMap::new(),
        };
        symbolizer.refresh()?;
        Ok(symbolizer)
    }

    /// Knows what the executable says already, so that it is not read twice.
    pub fn knows(&mut self, executable: Executable) {
        self.names.insert(executable.id, executable.program);
    }

    /// Reads the mappings again, after `mmap` of code or `exec`.
    ///
    /// # Errors
    /// When the process is gone; what was known before stays.
    pub fn refresh(&mut self) -> anyhow::Result<Change> {
        let mappings = maps::read(self.pid).context("read the mappings")?;
        let code = Code::open(self.pid, &mappings, self.root.as_ref(), &self.code);
        // Of a process that exits meanwhile only the first mappings are listed, or none.
        rustix::fs::readlinkat(&self.process, "exe", Vec::new())
            .map_err(io::Error::from)
            .context("it runs no program")?;
        let change = self.code.change_to(&code);
        self.code = code;
        if change == Change::Replaced {
            self.told.clear();
        }
        Ok(change)
    }

    /// What the addresses are.
    pub fn symbolize(&mut self, queries: &[Query]) -> Answer {
        let mut answer = Answer {
            modules: Vec::new(),
            symbols: queries.iter().map(Query::unnamed).collect(),
        };
        let mut of_pieces: BTreeMap<u64, (Piece, Vec<usize>)> = BTreeMap::new();
        let mut of_kernel = Vec::new();
        for (index, query) in queries.iter().enumerate() {
            let address = query.lookup_address();
            if address >= FIRST_KERNEL_ADDRESS {
                of_kernel.push(index);
            } else if let Some(piece) = self.code.at(address) {
                let group = of_pieces.entry(piece.start);
                let group = group.or_insert_with(|| (piece.clone(), Vec::new()));
                group.1.push(index);
            }
        }
        for (piece, indices) in of_pieces.values() {
            let module = self.name(piece, indices, queries, &mut answer.symbols);
            if self.told.get(&piece.start) != Some(&module) {
                self.told.insert(piece.start, module.clone());
                answer.modules.push(module);
            }
        }
        self.name_kernel(&of_kernel, &mut answer.symbols);
        answer
    }

    /// Names the addresses of one piece of code; says what it is.
    fn name(
        &mut self,
        piece: &Piece,
        indices: &[usize],
        queries: &[Query],
        symbols: &mut [Symbol],
    ) -> ModuleEvent {
        let mut module = ModuleEvent {
            start: piece.start,
            end: piece.end,
            link_address: None,
            path: piece.module.path.clone(),
            identity: None,
            trouble: None,
        };
        let program = match self.names.program(&piece.module) {
            Ok(program) => program,
            Err(why) => {
                module.trouble = Some(why.to_string());
                return module;
            }
        };
        module.identity = Some(program.identity.clone());
        let binary = &program.binary;
        // Where a byte of the file was linked to lie differs from segment to segment.
        let link_address = |address: u64| {
            let offset = (address - piece.start).checked_add(piece.offset)?;
            binary.address_of(offset)
        };
        let (indices, addresses): (Vec<usize>, Vec<u64>) = indices
            .iter()
            .filter_map(|index| Some((*index, link_address(queries[*index].lookup_address())?)))
            .unzip();
        // The page that a mapping starts with may belong to the segment before for the most part.
        let first = indices.first().zip(addresses.first());
        module.link_address = first.map_or_else(
            || link_address(piece.start),
            |(index, linked)| {
                let inside = queries[*index].lookup_address() - piece.start;
                Some(linked.wrapping_sub(inside))
            },
        );
        let named = self.names.name(&piece.module, &program, &addresses);
        for ((index, address), calls) in indices.into_iter().zip(addresses).zip(named.calls) {
            let table = binary.table.as_ref().filter(|_| !queries[index].is_return);
            symbols[index].frameless = table.is_some_and(|table| table.frameless(address));
            symbols[index].frames = calls;
        }
        module.trouble = named.trouble.map(|why| why.to_string());
        module
    }

    fn name_kernel(&self, indices: &[usize], symbols: &mut [Symbol]) {
        if indices.is_empty() {
            return;
        }
        // Searching the disk for a kernel image takes longer than it tells.
        let running = Source::Kernel(Kernel {
            vmlinux: MaybeDefault::None,
            ..Kernel::default()
        });
        for index in indices {
            let symbol = &mut symbols[*index];
            let address = symbol.address.saturating_sub(u64::from(symbol.is_return));
            let found = self
                .kernel
                .symbolize_single(&running, Input::AbsAddr(address));
            if let Ok(Symbolized::Sym(found)) = found {
                symbol.frames.push(Frame {
                    function: found.name.into_owned(),
                    module: "[kernel]".to_owned(),
                    ..Frame::default()
                });
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
