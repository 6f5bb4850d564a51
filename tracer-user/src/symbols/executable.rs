//! The program a process runs, read before anything else is known about it.

use std::io;

use super::file::{FileId, TargetFile};
use super::limit::{LIMIT, within};
use super::tables::Program;
use crate::go::Binary;

/// The executable of a process, as far as it could be understood.
#[derive(Debug)]
pub struct Executable {
    pub(super) id: FileId,
    pub(super) program: Program,
}

/// Its bytes, of which the code and what is not loaded are blank, and what they say.
type Parts = (Vec<u8>, Option<Executable>);

impl Executable {
    /// Reads the executable of a process.
    ///
    /// # Errors
    /// When the process is gone, or its executable is no regular file of up to 1 GiB, or cannot
    /// be read within two seconds.
    pub fn read(pid: u32) -> io::Result<Parts> {
        within(LIMIT, move || {
            let file = TargetFile::open(format!("/proc/{pid}/exe"))?;
            let skeleton = file.read_skeleton()?;
            let program = Program::parse(&skeleton).ok();
            let executable = program.map(|program| Self {
                id: file.id,
                program,
            });
            Ok((skeleton.bytes, executable))
        })
    }

    /// What it says.
    #[must_use]
    pub fn binary(&self) -> &Binary {
        &self.program.binary
    }
}

/// The whole file that a process runs, code and symbol table included.
///
/// # Errors
/// As [`Executable::read`].
pub fn read_executable(pid: u32) -> io::Result<Vec<u8>> {
    within(LIMIT, move || {
        let file = TargetFile::open(format!("/proc/{pid}/exe"))?;
        file.read_at(0, file.id.size as usize)
    })
}
