//! The symbolizer of one process.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use anyhow::Context;
use blazesym::Pid;
use blazesym::symbolize::source::{Kernel, Process, Source};
use blazesym::symbolize::{
    CodeInfo, Input, ProcessMemberInfo, ProcessMemberType, Resolve, Sym, Symbolized, cache,
};
use blazesym::{MaybeDefault, symbolize};
use rustix::fs::{Mode, OFlags};
use tracer_core::event::{Frame, Symbol};

use super::Query;
use super::code::{Change, Code};
use super::module::Resolver;
use crate::go::Table;
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
    blazesym: symbolize::Symbolizer,
    code: Rc<Code>,
}

impl Symbolizer {
    /// Reads the mappings of a process and the symbols of every file with code in it.
    ///
    /// # Errors
    /// When the process is gone, runs no program, or its mappings may not be read. A file that
    /// cannot be read only leaves its addresses without names.
    pub fn new(pid: u32) -> anyhow::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let process = rustix::fs::open(format!("/proc/{pid}"), flags, Mode::empty())
            .context("open the process")?;
        let mut symbolizer = Self {
            pid,
            process,
            blazesym: symbolize::Symbolizer::new(),
            code: Rc::default(),
        };
        symbolizer.refresh()?;
        Ok(symbolizer)
    }

    /// Reads the mappings again, after `mmap` of code or `exec`.
    ///
    /// # Errors
    /// When the process is gone; what was known before stays.
    pub fn refresh(&mut self) -> anyhow::Result<Change> {
        let mappings = maps::read(self.pid).context("read the mappings")?;
        let code = Rc::new(Code::read(self.pid, &mappings, &self.code));
        let blazesym = build(self.pid, Rc::clone(&code))?;
        // Of a process that exits meanwhile only the first mappings are listed, or none.
        rustix::fs::readlinkat(&self.process, "exe", Vec::new()).context("it runs no program")?;
        let change = self.code.change_to(&code);
        self.code = code;
        self.blazesym = blazesym;
        Ok(change)
    }

    /// One symbol for each query, in the same order. Unknown addresses get no frames.
    pub fn symbolize(&mut self, queries: &[Query]) -> Vec<Symbol> {
        let mut symbols: Vec<Symbol> = queries
            .iter()
            .map(|query| self.without_name(*query))
            .collect();
        let (kernel, user): (Vec<_>, Vec<_>) = symbols
            .iter_mut()
            .partition(|symbol| symbol.address >= FIRST_KERNEL_ADDRESS);
        let mut process = Process::new(Pid::from(self.pid));
        // It lies in a directory that the target may write to.
        process.perf_map = false;
        self.name(&Source::Process(process), user);
        // Searching the disk for a kernel image takes longer than it tells.
        let running = Kernel {
            vmlinux: MaybeDefault::None,
            ..Kernel::default()
        };
        self.name(&Source::Kernel(running), kernel);
        symbols
    }

    fn without_name(&self, query: Query) -> Symbol {
        let Query { address, is_return } = query;
        let frameless = !is_return
            && self
                .go(address)
                .is_some_and(|(table, address)| table.frameless(address));
        Symbol {
            address,
            is_return,
            frames: Vec::new(),
            frameless,
        }
    }

    fn name(&self, source: &Source<'_>, mut symbols: Vec<&mut Symbol>) {
        if symbols.is_empty() {
            return;
        }
        let addresses: Vec<u64> = symbols
            .iter()
            .map(|symbol| lookup_address(symbol))
            .collect();
        let found = self.ask(source, &addresses);
        for ((symbol, address), found) in symbols.iter_mut().zip(addresses).zip(found) {
            let go = self.go(address).is_some();
            symbol.frames = found.map(|found| frames(&found, go)).unwrap_or_default();
        }
    }

    fn ask(&self, source: &Source<'_>, addresses: &[u64]) -> Vec<Option<Sym<'_>>> {
        if let Ok(all) = self.blazesym.symbolize(source, Input::AbsAddr(addresses)) {
            return all.into_iter().map(Symbolized::into_sym).collect();
        }
        // One damaged file fails the whole batch; the other addresses still have names.
        addresses
            .iter()
            .map(|address| {
                self.blazesym
                    .symbolize_single(source, Input::AbsAddr(*address))
                    .ok()?
                    .into_sym()
            })
            .collect()
    }

    /// The Go tables that know this address of the process, and their name for it.
    fn go(&self, address: u64) -> Option<(&Table, u64)> {
        let (module, offset) = self.code.at(address)?;
        module.go(offset)
    }
}

/// A blazesym that asks our modules about every file, and does vDSO and kernel itself.
fn build(pid: u32, code: Rc<Code>) -> anyhow::Result<symbolize::Symbolizer> {
    let dispatch = move |member: ProcessMemberInfo<'_>| {
        let ProcessMemberType::Path(_) = member.member_entry else {
            return Ok(None);
        };
        // Never `None`: blazesym would open the file by itself, whatever it is.
        let module = code.mapped_at(&member.range);
        Ok(Some(Box::new(Resolver(module)) as Box<dyn Resolve>))
    };
    let blazesym = symbolize::Symbolizer::builder()
        .set_process_dispatcher(dispatch)
        .build();
    let mut process = cache::Process::new(Pid::from(pid));
    process.cache_perf_map = false;
    blazesym
        .cache(&cache::Cache::from(process))
        .context("read the mappings")?;
    Ok(blazesym)
}

/// A return address may lie behind the function it returns to, so the call before it is asked for.
fn lookup_address(symbol: &Symbol) -> u64 {
    symbol.address.saturating_sub(u64::from(symbol.is_return))
}

/// Innermost first, as stacks are.
fn frames(found: &Sym<'_>, go: bool) -> Vec<Frame> {
    let module = found
        .module
        .as_deref()
        .map(OsStr::to_string_lossy)
        .unwrap_or_default();
    let frame = |name: &str, code_info: Option<&CodeInfo<'_>>, inlined| Frame {
        function: name.to_owned(),
        file: code_info
            .map(|info| info.to_path().to_string_lossy().into_owned())
            .unwrap_or_default(),
        line: code_info.and_then(|info| info.line).unwrap_or_default(),
        inlined,
        module: module.clone().into_owned(),
        go,
    };
    let inlined = found.inlined.iter().rev();
    inlined
        .map(|call| frame(&call.name, call.code_info.as_ref(), true))
        .chain([frame(&found.name, found.code_info.as_deref(), false)])
        .collect()
}
