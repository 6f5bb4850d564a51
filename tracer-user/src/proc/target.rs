//! The process to trace: opened once, checked, and held so that a recycled pid cannot fool us.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open, test_kill_process};
use tracer_core::event::ProcessId;

use super::capability::Effective;
use super::stat::Stat;
use super::status::Status;
use super::{environ, executable, is_gone, namespace, stat, status};
use crate::failure::Failure;

mod refusal;

pub(crate) use refusal::pid_namespace;

/// A process that lived when it was opened, that is no kernel thread, and that we may look into.
#[derive(Debug)]
pub struct Target {
    /// Name of the main thread. The target chose it: escape it in every output.
    pub comm: String,
    /// Path of the executable as the target sees it, likewise chosen by the target.
    pub exe_path: String,
    /// The executable is no longer where it was started from.
    pub exe_deleted: bool,
    /// `GODEBUG` at its start.
    pub godebug: Option<String>,
    /// Effective user id.
    pub uid: u32,
    /// Its own pid, when it lives in a pid namespace below ours, as in a container.
    pub inner_pid: Option<u32>,
    /// Its executable is of 32 bits.
    pub is_32bit: bool,
    process: ProcessId,
    pidfd: OwnedFd,
}

impl Target {
    /// Opens the process with this pid.
    ///
    /// # Errors
    /// Each with its own error and hint: no process can have this pid (status `Usage`); and as
    /// `Unsupported`: there is none, it exited, it is a kernel thread, a thread, ourselves, it may
    /// not be looked into, the pid was recycled meanwhile, we are in a pid namespace.
    pub fn open(pid: u32) -> Result<Self, Failure> {
        let raw = refusal::sensible(pid)?;
        if !Path::new("/proc/self").exists() {
            return Err(refusal::no_proc());
        }
        if namespace::has_first_pids().is_ok_and(|first| !first) {
            return Err(refusal::pid_namespace());
        }
        if pid == std::process::id() {
            return Err(refusal::ourselves(pid));
        }
        let failed = |error| refusal::unreadable(pid, &error, exists(raw));
        let before = settled(pid).map_err(failed)?;
        let status = status::read(pid).map_err(failed)?;
        refusal::judge(pid, &before, &status)?;
        let pidfd =
            pidfd_open(raw, PidfdFlags::empty()).map_err(|errno| refusal::no_pidfd(pid, errno))?;
        let exe = Exe::read(pid);
        let godebug = environ::read_godebug(pid).ok().flatten();
        // The pidfd is of the process we looked at only if that one was there before and after.
        let after = settled(pid).map_err(failed)?;
        refusal::judge(pid, &after, &status)?;
        refusal::recycled(pid, &before, &after)?;
        let exe = exe.map_err(|error| refuse_exe(pid, &status, &error))?;
        Ok(Self::new(pid, pidfd, after, &status, exe, godebug))
    }

    fn new(
        pid: u32,
        pidfd: OwnedFd,
        stat: Stat,
        status: &Status,
        exe: Exe,
        godebug: Option<String>,
    ) -> Self {
        let nested = status.namespace_pids.len() > 1;
        Self {
            comm: stat.comm,
            exe_path: exe.path,
            exe_deleted: exe.deleted,
            godebug,
            uid: status.uid.unwrap_or(0),
            inner_pid: status.namespace_pids.last().copied().filter(|_| nested),
            is_32bit: exe.is_32bit,
            process: ProcessId {
                tgid: pid,
                start_ticks: stat.start_ticks,
            },
            pidfd,
        }
    }

    /// The process, told apart from later ones with the same pid.
    #[must_use]
    pub fn process_id(&self) -> ProcessId {
        self.process
    }

    /// Its pid.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.tgid
    }

    /// Becomes readable when the process exits.
    #[must_use]
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Whether it has exited. What `/proc/PID` said before a `false` was said of this process.
    #[must_use]
    pub fn has_exited(&self) -> bool {
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// The refusal of a process that exits while it is being looked at.
    #[must_use]
    pub fn exited(&self) -> Failure {
        refusal::exited(self.pid())
    }

    /// Its executable, also when the file was deleted or lies in another mount namespace.
    ///
    /// # Errors
    /// When it has exited or we may not read it.
    pub fn open_exe(&self) -> io::Result<File> {
        open_exe(self.pid())
    }

    /// What an executable that is no Go program is, to follow "it looks like".
    #[must_use]
    pub fn describe_executable(&self, bytes: &[u8]) -> String {
        let file = self.exe_path.rsplit('/').next().unwrap_or_default();
        executable::describe(&[file, &self.comm], bytes)
    }

    /// The refusal of a program without Go knowledge, given the bytes of its executable.
    #[must_use]
    pub fn not_go(&self, bytes: &[u8]) -> Failure {
        if self.is_32bit {
            return refusal::of_32_bits(self.pid(), &self.comm);
        }
        refusal::not_go(self.pid(), &self.comm, &self.describe_executable(bytes))
    }
}

impl AsFd for Target {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd()
    }
}

/// What is known of the executable.
struct Exe {
    path: String,
    deleted: bool,
    is_32bit: bool,
}

impl Exe {
    fn read(pid: u32) -> io::Result<Self> {
        let link = std::fs::read_link(format!("/proc/{pid}/exe"))?;
        let mut file = open_exe(pid)?;
        let deleted = file.metadata()?.nlink() == 0;
        let path = link.to_string_lossy();
        // The kernel appends this; without it the name could also end so by itself.
        let path = path
            .strip_suffix(" (deleted)")
            .filter(|_| deleted)
            .unwrap_or(&path)
            .to_owned();
        let mut identity = [0; 5];
        let is_32bit = file.read_exact(&mut identity).is_ok() && identity == *b"\x7fELF\x01";
        Ok(Self {
            path,
            deleted,
            is_32bit,
        })
    }
}

fn open_exe(pid: u32) -> io::Result<File> {
    let file = File::open(format!("/proc/{pid}/exe"))?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the executable is no regular file",
        ));
    }
    Ok(file)
}

/// How long a process may take to exit, thread by thread.
const DYING: Duration = Duration::from_millis(100);

/// The state of a process, but not that of a moment in its exit: the main thread ends first.
fn settled(pid: u32) -> io::Result<Stat> {
    let deadline = Instant::now() + DYING;
    loop {
        let stat = stat::read(pid)?;
        let dying = stat.state == 'Z' && stat.threads > 1;
        if !dying || Instant::now() >= deadline {
            return Ok(stat);
        }
        sleep(DYING / 50);
    }
}

/// Asks the kernel rather than `/proc`, which may hide the processes of others.
fn exists(pid: Pid) -> bool {
    !matches!(test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

fn refuse_exe(pid: u32, status: &Status, error: &io::Error) -> Failure {
    if is_gone(error) {
        return refusal::exited(pid);
    }
    if namespace::has_first_users().is_ok_and(|first| !first) {
        return refusal::user_namespace(pid, error);
    }
    let rights = Effective::read().unwrap_or_default();
    refusal::forbidden(pid, status.uid, error, rights)
}
