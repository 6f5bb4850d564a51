//! Memory of a running process, by `process_vm_readv`.
//!
//! The target is neither stopped nor written to, and a frozen one can be read. A page that its owner
//! answers for in its own time (`userfaultfd`, FUSE) may hold a read up: the thread that reads must
//! not be one that others wait for.

use std::cell::Cell;
use std::io::IoSliceMut;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

use super::memory::{Memory, Part, Unreadable};

/// What one call takes (`UIO_MAXIOV` in the kernel's `include/uapi/linux/uio.h`).
const MAX_PARTS: usize = 1024;

/// Bytes of one read, so that the time is looked at in between.
const MAX_READ: usize = 4 << 20;

/// What may be spent until the next [`Process::begin`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Budget {
    /// Time on the clock.
    pub time: Duration,
    /// Bytes read from the target.
    pub bytes: u64,
}

impl Default for Budget {
    /// For one look at a heap of some gigabytes.
    fn default() -> Self {
        Self {
            time: Duration::from_secs(1),
            bytes: 256 << 20,
        }
    }
}

/// Why nothing more is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Stop {
    /// There is no such process any more.
    #[error("the process has exited")]
    Exited,
    /// The kernel does not let us, for the reason named.
    #[error("the memory of the process may not be read: {0}")]
    Denied(&'static str),
    /// The time is over.
    #[error("reading took longer than {0:?}")]
    Time(Duration),
    /// The bytes are spent.
    #[error("more than {0} bytes would have to be read")]
    Bytes(u64),
}

/// A process whose memory is read.
///
/// A pid is all that the kernel takes here: ask `Target::has_exited` after reading, and drop what
/// was read when it says yes.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    budget: Budget,
    began: Cell<Instant>,
    bytes: Cell<u64>,
    stop: Cell<Option<Stop>>,
}

impl Process {
    /// Its pid.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw().cast_unsigned()
    }

    /// The process with this pid; nothing is read yet.
    #[must_use]
    pub fn new(pid: u32, budget: Budget) -> Self {
        Self {
            pid: Pid::from_raw(pid.cast_signed()),
            budget,
            began: Cell::new(Instant::now()),
            bytes: Cell::new(0),
            stop: Cell::new(None),
        }
    }

    /// Begins anew to count time and bytes.
    pub fn begin(&self) {
        self.began.set(Instant::now());
        self.bytes.set(0);
        self.stop.set(None);
    }

    /// Bytes read since then.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.bytes.get()
    }

    /// Why reads fail since then, if not because of their addresses.
    #[must_use]
    pub fn stopped(&self) -> Option<Stop> {
        self.stop.get()
    }

    /// Reads at most `MAX_PARTS` parts, and says how many bytes came.
    fn read_parts(&self, parts: &[RemoteIoVec], into: &mut [u8]) -> Option<usize> {
        if self.stop.get().is_some() {
            return None;
        }
        if self.began.get().elapsed() > self.budget.time {
            return self.fail(Stop::Time(self.budget.time));
        }
        if self.bytes.get().saturating_add(into.len() as u64) > self.budget.bytes {
            return self.fail(Stop::Bytes(self.budget.bytes));
        }
        match process_vm_readv(self.pid, &mut [IoSliceMut::new(into)], parts) {
            Ok(count) => {
                self.bytes.set(self.bytes.get() + count as u64);
                Some(count)
            }
            Err(Errno::ESRCH) => self.fail(Stop::Exited),
            Err(Errno::EPERM) => self.fail(Stop::Denied(denial())),
            Err(Errno::ENOSYS) => self.fail(Stop::Denied("the kernel has no process_vm_readv")),
            Err(_) => None,
        }
    }

    fn fail<T>(&self, stop: Stop) -> Option<T> {
        self.stop.set(Some(stop));
        None
    }
}

impl Memory for Process {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        let (mut at, length) = (address, into.len());
        for chunk in into.chunks_mut(MAX_READ) {
            let part = RemoteIoVec {
                base: at as usize,
                len: chunk.len(),
            };
            if self.read_parts(&[part], chunk) != Some(chunk.len()) {
                return Err(Unreadable { address, length });
            }
            at = at.wrapping_add(chunk.len() as u64);
        }
        Ok(())
    }

    fn read_many(&self, parts: &[Part], mut into: &mut [u8]) -> usize {
        let mut done = 0;
        for batch in parts.chunks(MAX_PARTS) {
            let wanted = batch.iter().map(|part| part.length).sum();
            let Some((bytes, rest)) = into.split_at_mut_checked(wanted) else {
                return done;
            };
            let remote: Vec<RemoteIoVec> = batch.iter().map(remote).collect();
            let mut count = self.read_parts(&remote, bytes).unwrap_or(0);
            if count == wanted {
                done += batch.len();
                into = rest;
                continue;
            }
            for part in batch {
                let Some(left) = count.checked_sub(part.length) else {
                    break;
                };
                (count, done) = (left, done + 1);
            }
            return done;
        }
        done
    }
}

fn remote(part: &Part) -> RemoteIoVec {
    RemoteIoVec {
        base: part.address as usize,
        len: part.length,
    }
}

/// What in the way of `ptrace` access is set; a security module may also say no.
fn denial() -> &'static str {
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
    match scope.as_deref().map(str::trim) {
        Ok("3") => "kernel.yama.ptrace_scope is 3, which forbids it to everyone",
        Ok("2") => "kernel.yama.ptrace_scope is 2, which takes the capability CAP_SYS_PTRACE",
        _ => "it takes the capability CAP_SYS_PTRACE, in the user namespace of the process",
    }
}
