//! Names of addresses in files: Go's tables first, the symbols of C and others behind them.

use std::borrow::Cow;
use std::iter::repeat;
use std::path::PathBuf;
use std::rc::Rc;

use tracer_core::event::Frame;
use tracer_core::names::printed;

use super::file::FileId;
use super::foreign::{ForeignFrame, Helpers};
use super::module::Module;
use super::tables::{Answer, Program, Tables};
use crate::go::Frame as Call;

/// Names addresses of any number of files.
#[derive(Debug)]
pub(super) struct Names {
    tables: Tables,
    helpers: Helpers,
}

/// The answer about some addresses of one file.
#[derive(Debug)]
pub(super) struct Named {
    /// For each address its calls, innermost first; none where it is unknown.
    pub(super) calls: Vec<Vec<Frame>>,
    /// Why some are unknown.
    pub(super) trouble: Option<Rc<str>>,
}

impl Names {
    /// `helper` is the program that runs as a helper process: `tracer`.
    pub(super) fn new(helper: PathBuf) -> Self {
        Self {
            tables: Tables::default(),
            helpers: Helpers::new(helper),
        }
    }

    /// Knows what a file says already.
    pub(super) fn insert(&mut self, id: FileId, program: Program) {
        self.tables.insert(id, program);
    }

    /// What the file of a module says.
    pub(super) fn program(&mut self, module: &Module) -> Answer {
        match &module.file {
            Ok(file) => self.tables.of(file),
            Err(error) => Err(Rc::from(error.as_str())),
        }
    }

    /// The calls at link-time addresses of a module whose file says `program`.
    pub(super) fn name(&mut self, module: &Module, program: &Program, addresses: &[u64]) -> Named {
        let mut calls = vec![Vec::new(); addresses.len()];
        let trouble = self.each(module, program, addresses, |index, found, language| {
            let frame = |call: &Call<'_>| frame(call, &module.name, language);
            calls[index] = found.iter().map(frame).collect();
        });
        Named { calls, trouble }
    }

    /// Calls `visit` once for each address, in any order, with its index and its calls, innermost
    /// first; returns why some have none.
    pub(super) fn each(
        &mut self,
        module: &Module,
        program: &Program,
        addresses: &[u64],
        mut visit: impl FnMut(usize, &[Call<'_>], Language),
    ) -> Option<Rc<str>> {
        let table = program.binary.table.as_ref();
        let mut others: Vec<usize> = Vec::new();
        match table {
            Some(table) => table.lookup_all(addresses, |index, calls| match calls {
                [] => others.push(index),
                calls => visit(index, calls, Language::Go),
            }),
            None => others.extend(0..addresses.len()),
        }
        let trouble = program.trouble.as_deref().map(Rc::from);
        let mut unknown = |others: Vec<usize>| {
            for index in others {
                visit(index, &[], Language::Other);
            }
        };
        // The code of a program without C is all Go's.
        if others.is_empty() || (table.is_some() && !program.binary.cgo) {
            unknown(others);
            return trouble;
        }
        let file = match module.symbol_file() {
            Ok(file) => file,
            Err(why) => {
                unknown(others);
                return Some(Rc::from(why));
            }
        };
        let wanted: Vec<u64> = others.iter().map(|index| addresses[*index]).collect();
        let found = self.helpers.name(file, &wanted);
        let answers = found.calls.iter().map(Vec::as_slice);
        // A helper that fails leaves the rest unanswered.
        for (index, calls) in others.into_iter().zip(answers.chain(repeat(&[][..]))) {
            let calls: Vec<Call<'_>> = calls.iter().map(ForeignFrame::as_call).collect();
            visit(index, &calls, Language::Other);
        }
        // What is wrong with the file explains what its reader complains about.
        trouble.or(found.trouble)
    }
}

/// Whose tables told a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Language {
    Go,
    Other,
}

fn frame(call: &Call<'_>, module: &str, language: Language) -> Frame {
    let function = match language {
        Language::Go => printed(&call.function),
        Language::Other => Cow::Borrowed(&*call.function),
    };
    Frame {
        function: function.into_owned(),
        file: call.file.to_string(),
        line: call.line,
        inlined: call.inlined,
        module: module.to_owned(),
        go: language == Language::Go,
        kind: call.kind,
    }
}
