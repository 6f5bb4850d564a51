//! What executables say about themselves: read when first asked for, kept while there is room.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use super::damage;
use super::file::{FileId, TargetFile};
use super::limit::{LIMIT, within};
use super::skeleton::Skeleton;
use crate::go::{self, Binary};

/// Bytes of all tables together; the one last asked for is kept whatever its size.
const MAX_BYTES: usize = 32 << 20;

/// Files known; each file on disk is one, so images of a hundred containers may be one binary.
const MAX_FILES: usize = 4096;

/// The tables of the files that were asked for last.
#[derive(Debug)]
pub(super) struct Tables {
    /// Least recently asked for first.
    kept: VecDeque<(FileId, Answer)>,
    max_bytes: usize,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            kept: VecDeque::new(),
            max_bytes: MAX_BYTES,
        }
    }
}

/// A file that cannot be read will not be read again.
pub(super) type Answer = Result<Rc<Program>, Rc<str>>;

/// What an executable or a library says.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) binary: Binary,
    /// Its build id, else a hash of what is read of it.
    pub(super) identity: String,
    /// What of it is missing.
    pub(super) trouble: Option<String>,
}

impl Program {
    /// Reads a file, which must not take too long.
    ///
    /// # Errors
    /// When the file cannot be read; inside, when it says nothing that is understood.
    pub(super) fn read(file: &Arc<TargetFile>) -> io::Result<Result<Self, go::Error>> {
        let file = Arc::clone(file);
        within(LIMIT, move || Ok(Self::parse(&file.read_skeleton()?)))
    }

    pub(super) fn parse(skeleton: &Skeleton) -> Result<Self, go::Error> {
        let binary = Binary::parse(&skeleton.bytes)?;
        let hashed = || format!("xxh3-{:032x}", xxh3_128(&skeleton.bytes));
        let identity = binary.build_id.clone().unwrap_or_else(hashed);
        let trouble = damage::of(skeleton, &binary);
        Ok(Self {
            binary,
            identity,
            trouble,
        })
    }

    /// A build id can be forged, so the tables themselves are compared.
    fn is_copy_of(&self, other: &Self) -> bool {
        (&self.identity, &self.trouble) == (&other.identity, &other.trouble)
            && self.binary.is_copy_of(&other.binary)
    }
}

impl Tables {
    /// What the file says, else why it says nothing.
    pub(super) fn of(&mut self, file: &Arc<TargetFile>) -> Answer {
        let known = self.kept.iter().position(|(id, _)| *id == file.id);
        let known = known.and_then(|index| self.kept.remove(index));
        let (is_new, entry) = match known {
            Some(entry) => (false, entry),
            None => (true, (file.id, self.read(file))),
        };
        let answer = entry.1.clone();
        self.kept.push_back(entry);
        if is_new {
            self.make_room();
        }
        answer
    }

    /// Knows the tables of a file already.
    pub(super) fn insert(&mut self, id: FileId, program: Program) {
        self.kept.retain(|(known, _)| *known != id);
        self.kept.push_back((id, Ok(Rc::new(program))));
        self.make_room();
    }

    fn read(&self, file: &Arc<TargetFile>) -> Answer {
        let program = Program::read(file).map_err(|error| error.to_string())?;
        let program = program.map_err(|error| error.to_string())?;
        let others = self
            .kept
            .iter()
            .filter_map(|(_, other)| other.as_ref().ok());
        let equal = others.into_iter().find(|other| other.is_copy_of(&program));
        Ok(equal.map_or_else(|| Rc::new(program), Rc::clone))
    }

    fn make_room(&mut self) {
        while self.kept.len() > MAX_FILES || (self.kept.len() > 1 && self.bytes() > self.max_bytes)
        {
            self.kept.pop_front();
        }
    }

    /// What equal files share counts once.
    fn bytes(&self) -> usize {
        let programs = self
            .kept
            .iter()
            .filter_map(|(_, answer)| answer.as_ref().ok());
        let sizes: BTreeMap<_, _> = programs
            .map(|program| (Rc::as_ptr(program), program.binary.memory()))
            .collect();
        sizes.values().sum()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
