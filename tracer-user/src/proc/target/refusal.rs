//! Why a process cannot be traced: one error, one hint each.

use std::io;

use rustix::io::Errno;
use rustix::process::Pid;

use crate::failure::Failure;
use crate::proc::capability::{Effective, how_to_grant};
use crate::proc::is_gone;
use crate::proc::stat::Stat;
use crate::proc::status::Status;

/// Pids are smaller than this (`PID_MAX_LIMIT` of the kernel's `include/linux/threads.h`).
const PID_LIMIT: u32 = 1 << 22;

const LIST: &str = "list the processes with: ps -e -o pid,user,comm";

/// The pid, if a process can have it.
pub(super) fn sensible(pid: u32) -> Result<Pid, Failure> {
    i32::try_from(pid)
        .ok()
        .filter(|_| pid < PID_LIMIT)
        .and_then(Pid::from_raw)
        .ok_or_else(|| {
            Failure::usage(
                format!("{pid} is not a pid: they go from 1 to {}", PID_LIMIT - 1),
                LIST,
            )
        })
}

/// What the state of the process says against tracing it.
pub(super) fn judge(pid: u32, stat: &Stat, status: &Status) -> Result<(), Failure> {
    let comm = &stat.comm;
    if stat.kernel_thread {
        return Err(Failure::unsupported(
            format!("pid {pid} ({comm}) is a kernel thread and has no memory of its own"),
            LIST,
        ));
    }
    if let Some(tgid) = status.tgid.filter(|tgid| *tgid != pid) {
        return Err(Failure::unsupported(
            format!("{pid} ({comm}) is a thread, not a process"),
            format!("trace its process: --pid {tgid}"),
        ));
    }
    match stat.state {
        'Z' | 'X' | 'x' if stat.threads > 1 => Err(Failure::unsupported(
            format!("the main thread of pid {pid} ({comm}) has exited, which hides its memory"),
            "such a process cannot be looked into while its other threads run",
        )),
        'Z' => Err(Failure::unsupported(
            format!(
                "pid {pid} ({comm}) has exited: it is a zombie, which its parent has not waited for"
            ),
            NEW_PID,
        )),
        'X' | 'x' => Err(exited(pid)),
        _ => Ok(()),
    }
}

const NEW_PID: &str = "start the program again, then attach to its new pid";

/// It was there, and is gone.
pub(super) fn exited(pid: u32) -> Failure {
    Failure::unsupported(format!("pid {pid} has exited"), NEW_PID)
}

pub(super) fn no_proc() -> Failure {
    Failure::unsupported(
        "/proc is not mounted, or not for us",
        "mount it: mount -t proc proc /proc",
    )
}

/// Its files cannot be read at all.
pub(super) fn unreadable(pid: u32, error: &io::Error, exists: bool) -> Failure {
    if !is_gone(error) {
        return Failure::unsupported(
            format!("/proc/{pid} cannot be read: {error}"),
            how_to_grant(),
        );
    }
    if exists {
        return Failure::unsupported(
            format!("pid {pid} exists, but /proc hides it (mount option hidepid)"),
            how_to_grant(),
        );
    }
    Failure::unsupported(format!("there is no process with pid {pid}"), LIST)
}

/// It is there, but its memory and executable are closed to us.
pub(super) fn forbidden(
    pid: u32,
    uid: Option<u32>,
    error: &io::Error,
    rights: Effective,
) -> Failure {
    let owner = uid.map_or_else(|| "another user".to_owned(), |uid| format!("uid {uid}"));
    let missing: Vec<&str> = rights.missing().map(|needed| needed.name).collect();
    let (lack, hint) = if missing.is_empty() {
        let hint = "all capabilities are there: a security module forbids it";
        (String::new(), hint.to_owned())
    } else {
        (format!("; missing: {}", missing.join(" ")), how_to_grant())
    };
    Failure::unsupported(
        format!("no permission to look into pid {pid} of {owner} ({error}){lack}"),
        hint,
    )
}

/// Our capabilities count only for the processes of our own user namespace.
pub(super) fn user_namespace(pid: u32, error: &io::Error) -> Failure {
    Failure::unsupported(
        format!("no permission to look into pid {pid} from inside of a user namespace ({error})"),
        "run it as root of the machine, outside of the rootless container",
    )
}

/// Another process has the pid now.
pub(super) fn recycled(pid: u32, before: &Stat, after: &Stat) -> Result<(), Failure> {
    if before.start_ticks == after.start_ticks {
        return Ok(());
    }
    Err(Failure::unsupported(
        format!(
            "pid {pid} ({}) exited while it was being opened, and another process has its pid",
            before.comm
        ),
        "look up the pid again: ps -e -o pid,user,lstart,comm",
    ))
}

pub(super) fn no_pidfd(pid: u32, errno: Errno) -> Failure {
    match errno {
        Errno::SRCH => exited(pid),
        Errno::NOSYS => Failure::unsupported(
            "this kernel has no pidfd_open (Linux 5.3)",
            "a newer kernel is needed; `tracer doctor` shows what else is missing",
        ),
        _ => Failure::unsupported(
            format!("pid {pid} cannot be opened: pidfd_open: {errno}"),
            "a seccomp filter may forbid pidfd_open: run it outside of the container",
        ),
    }
}

pub(super) fn ourselves(pid: u32) -> Failure {
    Failure::unsupported(
        format!("pid {pid} is this tracer itself, and tracing it would never end"),
        "give the pid of another process",
    )
}

/// The error of `Target::open`, and of `doctor`, when our pids are not those of the kernel side.
pub(crate) fn pid_namespace() -> Failure {
    Failure::unsupported(
        "tracer runs in a pid namespace of its own, where pids differ from those the kernel side sees",
        "share the host's: `hostPID: true` in Kubernetes, `--pid=host` with docker, or nsenter -t 1 -p -m",
    )
}

pub(super) fn of_32_bits(pid: u32, comm: &str) -> Failure {
    Failure::unsupported(
        format!("pid {pid} ({comm}) is a program of 32 bits"),
        "only programs of 64 bits can be traced: build it with GOARCH=amd64 or arm64",
    )
}

pub(super) fn not_go(pid: u32, comm: &str, description: &str) -> Failure {
    Failure::unsupported(
        format!("pid {pid} ({comm}) is not a Go program: it looks like {description}"),
        "`--any` traces it without Go knowledge",
    )
}

#[cfg(test)]
#[path = "refusal/tests.rs"]
mod tests;
