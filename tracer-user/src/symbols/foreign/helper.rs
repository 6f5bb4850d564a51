//! The helper process: the handle of a file on stdin, questions and answers on the socket that is stdout.

use std::cell::OnceCell;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use anyhow::Context;
use blazesym::symbolize::source::{Elf, Source};
use blazesym::symbolize::{CodeInfo, Input, Reason, Sym, Symbolized, Symbolizer};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, Signal};
use rustix::thread::{self, CapabilitySet, CapabilitySets, Gid, Uid};

use super::snapshot::Snapshot;
use super::{Answer, Depth, ForeignFrame, MAX_ADDRESSES};
use crate::symbols::file::open_again;

/// Bytes of memory, what is copied of the file included.
pub(super) const MAX_MEMORY: u64 = 160 << 20;
/// `nobody` on all systems.
const NOBODY: u32 = 65_534;
/// Bytes of a question.
const MAX_QUESTION: u64 = 32 * MAX_ADDRESSES as u64;

/// Answers until the other end is closed.
///
/// # Errors
/// When the process was not started by `Helper`, or the file cannot be read.
pub fn serve(symbols_only: bool) -> anyhow::Result<()> {
    // The last right that is used: the file may be one that only root can read.
    let file = open_again(std::io::stdin())?;
    let channel = UnixStream::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    give_up_rights().context("give up rights")?;
    let depth = if symbols_only {
        Depth::Symbols
    } else {
        Depth::DebugInformation
    };
    let snapshot = Snapshot::take(&file, depth).context("copy the file")?;
    limit(Resource::Data, MAX_MEMORY - snapshot.copied)?;
    let names = Names::of(&snapshot);
    let mut questions = BufReader::new(&channel);
    loop {
        let mut question = Vec::new();
        questions
            .by_ref()
            .take(MAX_QUESTION)
            .read_until(b'\n', &mut question)?;
        if question.is_empty() {
            return Ok(());
        }
        let addresses: Vec<u64> = serde_json::from_slice(&question)?;
        let mut answer = serde_json::to_vec(&names.name(&addresses))?;
        answer.push(b'\n');
        (&channel).write_all(&answer)?;
    }
}

/// Before the first byte of the file is read.
fn give_up_rights() -> rustix::io::Result<()> {
    limit(Resource::Data, MAX_MEMORY)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Nproc, 0)?;
    thread::set_no_new_privs(true)?;
    // There is one thread yet, so what holds for it holds for the process.
    if rustix::process::geteuid().is_root() {
        match become_nobody() {
            // Of a root without this right little is left to lose.
            Ok(()) | Err(Errno::PERM) => {}
            Err(error) => return Err(error),
        }
    }
    // The file of the program may grant some to everyone who runs it.
    let none = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    thread::set_capabilities(None, sets)?;
    // A change of the user undoes this, so it comes last. Busy helpers do not see a closed socket.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
}

fn become_nobody() -> rustix::io::Result<()> {
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    thread::set_thread_groups(&[])?;
    thread::set_thread_res_gid(group, group, group)?;
    thread::set_thread_res_uid(user, user, user)
}

fn limit(resource: Resource, limit: u64) -> rustix::io::Result<()> {
    let limit = Some(limit);
    let both = Rlimit {
        current: limit,
        maximum: limit,
    };
    rustix::process::setrlimit(resource, both)
}

/// Names addresses of one file.
struct Names<'s> {
    snapshot: &'s Snapshot,
    path: String,
    plain: Symbolizer,
    /// Made when there are names of C++ or Rust. It takes single letters for types of C++.
    demangling: OnceCell<Symbolizer>,
    /// Made when the debug information turns out to be damaged.
    symbols_only: OnceCell<Symbolizer>,
}

impl<'s> Names<'s> {
    fn of(snapshot: &'s Snapshot) -> Self {
        Self {
            snapshot,
            path: snapshot.path(),
            plain: symbolizer(false),
            demangling: OnceCell::new(),
            symbols_only: OnceCell::new(),
        }
    }

    fn name(&self, addresses: &[u64]) -> Answer {
        let mut trouble = self.snapshot.trouble.clone();
        let mut calls = self.look_up(&self.plain, addresses, &mut trouble);
        let mangled: Vec<usize> = (0..calls.len())
            .filter(|index| calls[*index].iter().any(ForeignFrame::is_mangled))
            .collect();
        if !mangled.is_empty() {
            let demangling = self.demangling.get_or_init(|| symbolizer(true));
            let addresses: Vec<u64> = mangled.iter().map(|index| addresses[*index]).collect();
            let demangled = self.look_up(demangling, &addresses, &mut trouble);
            for (index, demangled) in mangled.into_iter().zip(demangled) {
                calls[index] = demangled;
            }
        }
        // The last symbol of a file would stand for all that comes after.
        for (calls, address) in calls.iter_mut().zip(addresses) {
            if !self.snapshot.has_code_at(*address) {
                calls.clear();
            }
        }
        Answer { calls, trouble }
    }

    fn look_up(
        &self,
        names: &Symbolizer,
        addresses: &[u64],
        trouble: &mut Option<String>,
    ) -> Vec<Vec<ForeignFrame>> {
        let full = self.source(self.snapshot.depth == Depth::DebugInformation);
        let mut all = match names.symbolize(&full, Input::VirtOffset(addresses)) {
            Ok(all) => all.into_iter().map(Found::of).collect(),
            // The debug information as a whole is damaged.
            Err(error) => {
                note(trouble, &error);
                vec![Found::Failed; addresses.len()]
            }
        };
        for (found, address) in all.iter_mut().zip(addresses) {
            if matches!(found, Found::Failed) {
                let input = Input::VirtOffset(*address);
                if trouble.is_none()
                    && let Err(error) = names.symbolize_single(&full, input)
                {
                    note(trouble, &error);
                }
                // The symbol tables may be whole.
                let names = self.symbols_only.get_or_init(|| symbolizer(false));
                let symbol = names.symbolize_single(&self.source(false), input);
                *found = symbol.map_or(Found::Failed, Found::of);
            }
        }
        all.into_iter().map(Found::calls).collect()
    }

    fn source(&self, debug_syms: bool) -> Source<'_> {
        Source::Elf(Elf {
            debug_syms,
            ..Elf::new(&self.path)
        })
    }
}

fn note(trouble: &mut Option<String>, error: &blazesym::Error) {
    trouble.get_or_insert_with(|| format!("its symbols are damaged: {error}"));
}

/// What is known of one address.
#[derive(Clone)]
enum Found {
    /// Innermost first; none if it has no symbol.
    Calls(Vec<ForeignFrame>),
    Failed,
}

impl Found {
    fn of(found: Symbolized<'_>) -> Self {
        match found {
            Symbolized::Unknown(Reason::IgnoredError) => Self::Failed,
            Symbolized::Unknown(_) => Self::Calls(Vec::new()),
            // Debug information may know a function and not what it is called.
            Symbolized::Sym(symbol) if symbol.name.is_empty() => Self::Failed,
            Symbolized::Sym(symbol) => Self::Calls(frames(&symbol)),
        }
    }

    fn calls(self) -> Vec<ForeignFrame> {
        match self {
            Self::Calls(calls) => calls,
            Self::Failed => Vec::new(),
        }
    }
}

impl ForeignFrame {
    fn is_mangled(&self) -> bool {
        self.function.starts_with("_Z") || self.function.starts_with("_R")
    }
}

fn symbolizer(demangle: bool) -> Symbolizer {
    Symbolizer::builder()
        .set_debug_dirs(Some([""; 0]))
        .enable_auto_reload(false)
        .enable_demangling(demangle)
        .build()
}

/// Innermost first.
fn frames(symbol: &Sym<'_>) -> Vec<ForeignFrame> {
    let Sym {
        name,
        code_info,
        inlined,
        ..
    } = symbol;
    let frame = |function: &str, info: Option<&CodeInfo<'_>>, inlined| ForeignFrame {
        function: function.to_owned(),
        file: info
            .map(|info| info.to_path().to_string_lossy().into_owned())
            .unwrap_or_default(),
        line: info.and_then(|info| info.line).unwrap_or_default(),
        inlined,
    };
    let nested = inlined.iter().rev();
    nested
        .map(|call| frame(&call.name, call.code_info.as_ref(), true))
        .chain([frame(name, code_info.as_deref(), false)])
        .collect()
}
