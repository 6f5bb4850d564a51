//! Which file's code lies where in a process.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tracer_core::event::{Backing, Mapping};

use super::limit::LIMIT;
use super::module::{Module, VDSO};
use super::root::Root;

/// `PROT_EXEC`.
const EXECUTABLE: u32 = 4;

/// Files of one process that are held open, each perhaps with a debug file: half of what a process
/// may have open. Programs with a hundred libraries are rare.
const MAX_FILES: usize = 256;

/// What a second look at a process found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// The same code at the same addresses.
    Same,
    /// All that was there is still there, and there is more.
    Added,
    /// Some code went or was replaced: answers given before may no longer hold.
    Replaced,
}

/// The executable mappings of a process, and their files.
#[derive(Debug, Default)]
pub(super) struct Code {
    /// By first address.
    pieces: BTreeMap<u64, Piece>,
    /// There are more files than are held open.
    is_crowded: bool,
}

/// An executable mapping of a file.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) start: u64,
    pub(super) end: u64,
    /// Where in the file it starts.
    pub(super) offset: u64,
    pub(super) module: Rc<Module>,
}

impl Piece {
    fn is(&self, other: &Self) -> bool {
        (self.start, self.end, self.offset) == (other.start, other.end, other.offset)
            && self.module.is(&other.module)
    }
}

impl Code {
    /// Opens the files of all executable mappings; what `before` holds open stays as it is.
    pub(super) fn open(
        pid: u32,
        mappings: &[Mapping],
        root: Option<&Arc<Root>>,
        before: &Self,
    ) -> Self {
        let deadline = Instant::now() + LIMIT;
        let mut code = Self::default();
        let mut modules: Vec<Rc<Module>> = Vec::new();
        for piece in before.pieces.values() {
            add(&mut modules, Rc::clone(&piece.module));
        }
        for mapping in mappings {
            if mapping.prot & EXECUTABLE == 0 {
                continue;
            }
            let (path, inode, offset) = match &mapping.backing {
                Backing::File {
                    path,
                    offset,
                    inode,
                } => (
                    root.map_or(&**path, |root| root.inside(path)),
                    *inode,
                    *offset,
                ),
                Backing::Anonymous { name } if name == VDSO => (VDSO, 0, 0),
                Backing::Anonymous { .. } => continue,
            };
            let known = before.pieces.get(&mapping.start).filter(|piece| {
                (piece.end, piece.offset) == (mapping.end, offset)
                    && piece.module.is_of(path, inode)
            });
            let module = match known {
                Some(piece) => Rc::clone(&piece.module),
                None if modules.len() >= MAX_FILES => {
                    code.is_crowded = true;
                    continue;
                }
                None if path == VDSO => add(&mut modules, Module::vdso()),
                None if Instant::now() > deadline => add(&mut modules, Module::late(path, inode)),
                None => add(
                    &mut modules,
                    Module::of_mapping(pid, mapping, path, inode, root),
                ),
            };
            let piece = Piece {
                start: mapping.start,
                end: mapping.end,
                offset,
                module,
            };
            code.pieces.insert(mapping.start, piece);
        }
        if code.is_crowded && !before.is_crowded {
            tracing::warn!("more than {MAX_FILES} files with code: the others have no names");
        }
        code
    }

    /// The mapping of an address.
    pub(super) fn at(&self, address: u64) -> Option<&Piece> {
        let (_, piece) = self.pieces.range(..=address).next_back()?;
        (address < piece.end).then_some(piece)
    }

    /// What is different in `after`.
    pub(super) fn change_to(&self, after: &Self) -> Change {
        let kept = self.pieces.iter().all(|(start, piece)| {
            let same = after.pieces.get(start).filter(|other| piece.is(other));
            same.is_some()
        });
        match (kept, self.pieces.len() == after.pieces.len()) {
            (true, true) => Change::Same,
            (true, false) => Change::Added,
            (false, _) => Change::Replaced,
        }
    }
}

/// One module for each file, however many mappings it has.
fn add(modules: &mut Vec<Rc<Module>>, module: impl Into<Rc<Module>>) -> Rc<Module> {
    let module = module.into();
    if let Some(known) = modules.iter().find(|known| known.is(&module)) {
        return Rc::clone(known);
    }
    modules.push(Rc::clone(&module));
    module
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
