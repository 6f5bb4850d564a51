//! Which file's code lies where in a process.

use std::collections::BTreeMap;
use std::collections::hash_map::{Entry, HashMap};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use anyhow::{Context, anyhow};
use tracer_core::event::{Backing, Mapping};

use super::file::{FileId, TargetFile};
use super::module::{Module, base_name};

/// `PROT_EXEC`.
const EXECUTABLE: u32 = 4;

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

/// The executable mappings of a process, and the symbols of their files.
#[derive(Debug, Default)]
pub(super) struct Code {
    /// By first address.
    pieces: BTreeMap<u64, Piece>,
    /// `None` when a file could not be read; libraries may be mapped in several pieces.
    modules: HashMap<FileId, Option<Rc<Module>>>,
}

/// An executable mapping of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Piece {
    end: u64,
    offset: u64,
    file: FileId,
}

impl Code {
    /// Reads the files of all executable mappings; what `before` knows is not read again.
    pub(super) fn read(pid: u32, mappings: &[Mapping], before: &Self) -> Self {
        let mut code = Self::default();
        for mapping in mappings
            .iter()
            .filter(|mapping| mapping.prot & EXECUTABLE != 0)
        {
            let Backing::File {
                path,
                offset,
                inode,
            } = &mapping.backing
            else {
                continue;
            };
            match open(pid, mapping, path, *inode) {
                Ok(file) => {
                    let piece = Piece {
                        end: mapping.end,
                        offset: *offset,
                        file: file.id,
                    };
                    code.pieces.insert(mapping.start, piece);
                    code.read_module(&file, path, before);
                }
                Err(error) => tracing::warn!(?path, "no symbols of this file: {error:#}"),
            }
        }
        code
    }

    fn read_module(&mut self, file: &TargetFile, path: &str, before: &Self) {
        let Entry::Vacant(new) = self.modules.entry(file.id) else {
            return;
        };
        if let Some(known) = before.modules.get(&file.id) {
            new.insert(known.clone());
            return;
        }
        // A forged file may find an assertion in a parser that is not ours.
        let module = catch_unwind(AssertUnwindSafe(|| Module::read(file, base_name(path))))
            .unwrap_or_else(|_| Err(anyhow!("the parser panicked")));
        if let Err(error) = &module {
            tracing::warn!(?path, "no symbols of this file: {error:#}");
        }
        new.insert(module.ok().map(Rc::new));
    }

    /// The module of an address, and the place in its file.
    pub(super) fn at(&self, address: u64) -> Option<(&Rc<Module>, u64)> {
        let (start, piece) = self.pieces.range(..=address).next_back()?;
        if address >= piece.end {
            return None;
        }
        let offset = (address - start).checked_add(piece.offset)?;
        Some((self.modules.get(&piece.file)?.as_ref()?, offset))
    }

    /// The module of a mapping, if it is still the same mapping.
    pub(super) fn mapped_at(&self, range: &Range<u64>) -> Option<Rc<Module>> {
        let piece = self
            .pieces
            .get(&range.start)
            .filter(|piece| piece.end == range.end)?;
        self.modules.get(&piece.file)?.clone()
    }

    /// What is different in `after`.
    pub(super) fn change_to(&self, after: &Self) -> Change {
        let kept = self
            .pieces
            .iter()
            .all(|(start, piece)| after.pieces.get(start) == Some(piece));
        match (kept, self.pieces.len() == after.pieces.len()) {
            (true, true) => Change::Same,
            (true, false) => Change::Added,
            (false, _) => Change::Replaced,
        }
    }
}

/// Opens the file of a mapping, whatever has become of its path.
fn open(pid: u32, mapping: &Mapping, path: &str, inode: u64) -> anyhow::Result<TargetFile> {
    let link = format!(
        "/proc/{pid}/map_files/{:x}-{:x}",
        mapping.start, mapping.end
    );
    let error = match TargetFile::open(link) {
        Ok(file) => return Ok(file),
        Err(error) => error,
    };
    // Following those links takes CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN.
    [
        format!("/proc/{pid}/exe"),
        format!("/proc/{pid}/root{path}"),
    ]
    .iter()
    .find_map(|other| {
        TargetFile::open(other)
            .ok()
            .filter(|file| file.id.inode == inode)
    })
    .ok_or(error)
    .context("open it")
}
