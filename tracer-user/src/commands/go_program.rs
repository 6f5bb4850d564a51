//! A Go program whose memory a command reads, and what is said where that cannot be.

use std::fmt::Display;
use std::io;

use tracer_core::event::Mapping;

use crate::failure::Failure;
use crate::go::runtime::heap_profile::Caller;
use crate::go::runtime::{Process, Program};
use crate::go::{Binary, Table};
use crate::proc::{is_gone, maps, target::Target};
use crate::source::load_bias;
use crate::symbols::{Executable, read_executable};

/// What is about to be read of a process.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'t> {
    pub(super) target: &'t Target,
    /// As in "cannot read the heap profile of pid 7".
    pub(super) what: &'static str,
}

/// What is known of a program before its memory is read.
pub(super) struct GoProgram {
    pub(super) program: Program,
    pub(super) mappings: Vec<Mapping>,
    pub(super) bias: u64,
    executable: Executable,
}

impl Attempt<'_> {
    /// Opens the program; its file comes along for who needs more of it.
    pub(super) fn open(self) -> Result<(GoProgram, Vec<u8>), Failure> {
        let pid = self.target.pid();
        let executable = self.executable()?;
        let mappings = maps::read(pid).map_err(|error| self.unread(&error))?;
        let binary = executable.binary();
        let bias = load_bias(binary, &mappings, &self.target.exe_path).unwrap_or(0);
        let file = read_executable(pid).map_err(|error| self.unread(&error))?;
        let program = Program::read(&file, binary).map_err(|error| self.failed(&error))?;
        let opened = GoProgram {
            program,
            mappings,
            bias,
            executable,
        };
        Ok((opened, file))
    }

    fn executable(self) -> Result<Executable, Failure> {
        let (bytes, executable) =
            Executable::read(self.target.pid()).map_err(|error| self.unread(&error))?;
        let executable = executable.filter(|executable| executable.binary().is_go);
        executable.ok_or_else(|| {
            let pid = self.target.pid();
            Failure {
                hint: format!(
                    "only the heap of Go programs is read; \
                     `tracer attach --any --pid {pid}` watches it without Go knowledge"
                ),
                ..self.target.not_go(&bytes)
            }
        })
    }

    /// What was read. Whatever went wrong, that the process is gone explains it; and another may
    /// have its pid.
    pub(super) fn unless_gone<T>(self, read: Result<T, Failure>) -> Result<T, Failure> {
        if self.target.has_exited() {
            return Err(self.target.exited());
        }
        read
    }

    /// Reads fail for a reason of their own when they are not allowed, or the time is over.
    pub(super) fn stopped(self, memory: &Process, error: &dyn Display) -> Failure {
        match memory.stopped() {
            Some(stop) => self.failed(&stop),
            None => self.failed(error),
        }
    }

    /// The files of a process go before its pidfd tells that it has exited.
    fn unread(self, error: &io::Error) -> Failure {
        if is_gone(error) {
            return self.target.exited();
        }
        self.failed(error)
    }

    pub(super) fn failed(self, error: &dyn Display) -> Failure {
        let (pid, comm, what) = (self.target.pid(), &self.target.comm, self.what);
        Failure::unsupported(
            format!("cannot {what} pid {pid} ({comm}): {error}"),
            format!(
                "`tracer doctor --pid {pid}` shows what is allowed; \
                 `tracer attach --pid {pid}` shows by which stacks memory grows"
            ),
        )
    }
}

impl GoProgram {
    pub(super) fn binary(&self) -> &Binary {
        self.executable.binary()
    }

    /// `go1.26.8`.
    pub(super) fn version(&self) -> &str {
        self.binary().go_version.as_deref().unwrap_or("Go")
    }

    /// Functions and lines.
    pub(super) fn table(&self) -> Result<&Table, Failure> {
        let table = self.binary().table.as_ref();
        table.ok_or_else(|| {
            let hint = "its executable is damaged or packed: run the one that the linker wrote";
            Failure::unsupported("the program has no table of its functions (pclntab)", hint)
        })
    }

    /// Names the calls of stacks.
    pub(super) fn caller(&self) -> Result<Caller<'_>, Failure> {
        Ok(Caller::new(self.table()?, self.bias, self.program.minor()))
    }
}
