//! The ways to hook system calls and page faults that this kernel offers.

use std::io;
use std::path::{Path, PathBuf};

use aya::programs::ProgramType;
use aya::sys::is_program_supported;

use super::Finding;
use super::bpf::cause;
use crate::proc::tracefs::{self, Detached};

const PERF: &str = "/sys/bus/event_source/devices";

/// Loads a program and attaches it for an instant to a function that the kernel has for tests.
pub(super) fn fentry() -> Finding {
    fentry_answered(is_program_supported(ProgramType::Tracing).map_err(cause))
}

fn fentry_answered(answer: Result<bool, io::Error>) -> Finding {
    let hint = "fentry takes BTF and a kernel built with CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS";
    match answer {
        Ok(true) => Finding::ok("a test function was hooked"),
        Ok(false) => Finding::missing("not in this kernel", hint),
        Err(error) => Finding::missing(format!("refused: {error}"), hint),
    }
}

pub(super) fn kprobe() -> Finding {
    let by_perf = Path::new(PERF).join("kprobe/type").exists();
    let by_tracefs = tracefs::mounted().is_some_and(|place| place.join("kprobe_events").exists());
    kprobe_found(by_perf, by_tracefs)
}

fn kprobe_found(by_perf: bool, by_tracefs: bool) -> Finding {
    match (by_perf, by_tracefs) {
        (true, _) => Finding::ok("offered as a perf event; the first attach decides"),
        (false, true) => Finding::ok("offered in tracefs; the first attach decides"),
        (false, false) => Finding::missing(
            "not in this kernel",
            "kprobes take a kernel built with CONFIG_KPROBES",
        ),
    }
}

pub(super) fn uprobe() -> Finding {
    uprobe_found(Path::new(PERF).join("uprobe/type").exists())
}

fn uprobe_found(there: bool) -> Finding {
    if there {
        return Finding::ok("offered as a perf event");
    }
    Finding::limited(
        "not in this kernel: who started a goroutine is not told",
        "uprobes take a kernel built with CONFIG_UPROBE_EVENTS",
    )
}

/// tracefs, found or looked into.
enum Place {
    Mounted(PathBuf),
    Unmounted(Detached),
}

impl Place {
    fn find() -> io::Result<Self> {
        tracefs::mounted().map_or_else(
            || Detached::open().map(Self::Unmounted),
            |place| Ok(Self::Mounted(place)),
        )
    }

    fn has_event(&self, event: &str) -> bool {
        let path = match self {
            Self::Mounted(place) => place.clone(),
            Self::Unmounted(place) => place.path(),
        };
        path.join("events").join(event).join("id").exists()
    }
}

pub(super) fn tracefs() -> Finding {
    tracefs_found(Place::find())
}

fn tracefs_found(place: io::Result<Place>) -> Finding {
    let mount = "mount it for all: sudo mount -t tracefs tracefs /sys/kernel/tracing";
    match place {
        Ok(Place::Mounted(place)) => Finding::ok(place.display().to_string()),
        Ok(Place::Unmounted(_)) => {
            Finding::limited("not mounted: each run mounts it for itself alone", mount)
        }
        Err(error) => Finding::missing(format!("not mounted, and cannot be ({error})"), mount),
    }
}

pub(super) fn tracepoint() -> Finding {
    let events = ["syscalls/sys_enter_mmap", "syscalls/sys_exit_mmap"];
    tracepoint_found(Place::find().map(|place| events.iter().all(|event| place.has_event(event))))
}

fn tracepoint_found(there: io::Result<bool>) -> Finding {
    match there {
        Ok(true) => Finding::ok(
            "syscalls:sys_enter_* and sys_exit_*; while in use, 12 ns for each call of any process",
        ),
        Ok(false) => Finding::missing(
            "no syscalls:* events that we may read",
            "they take a kernel built with CONFIG_FTRACE_SYSCALLS, and CAP_DAC_READ_SEARCH",
        ),
        Err(error) => Finding::missing(
            format!("tracefs cannot be read ({error})"),
            "mount it: sudo mount -t tracefs tracefs /sys/kernel/tracing",
        ),
    }
}

pub(super) fn page_faults() -> Finding {
    let place = Place::find();
    page_faults_found(place.is_ok_and(|place| place.has_event("exceptions/page_fault_user")))
}

fn page_faults_found(traced: bool) -> Finding {
    if traced {
        return Finding::ok("tracepoint exceptions:page_fault_user");
    }
    Finding::limited(
        "not in this kernel: who touched memory first is not told",
        "the tracepoint exceptions:page_fault_user is on x86 only",
    )
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;
    use crate::doctor::Status;

    #[track_caller]
    fn check(found: &Finding, status: Status, detail: &str) {
        assert_eq!((found.status, found.detail.as_str()), (status, detail));
        assert_eq!(found.hint.is_some(), status != Status::Ok);
    }

    fn refused<T>() -> io::Result<T> {
        Err(Errno::PERM.into())
    }

    #[test]
    fn families() {
        check(
            &fentry_answered(Ok(true)),
            Status::Ok,
            "a test function was hooked",
        );
        check(
            &fentry_answered(Ok(false)),
            Status::Missing,
            "not in this kernel",
        );
        check(
            &fentry_answered(refused()),
            Status::Missing,
            "refused: Operation not permitted (os error 1)",
        );
        check(
            &kprobe_found(true, false),
            Status::Ok,
            "offered as a perf event; the first attach decides",
        );
        check(
            &kprobe_found(false, true),
            Status::Ok,
            "offered in tracefs; the first attach decides",
        );
        check(
            &kprobe_found(false, false),
            Status::Missing,
            "not in this kernel",
        );
        check(
            &tracepoint_found(Ok(true)),
            Status::Ok,
            "syscalls:sys_enter_* and sys_exit_*; while in use, 12 ns for each call of any process",
        );
        check(
            &tracepoint_found(Ok(false)),
            Status::Missing,
            "no syscalls:* events that we may read",
        );
        check(
            &tracepoint_found(refused()),
            Status::Missing,
            "tracefs cannot be read (Operation not permitted (os error 1))",
        );
    }

    #[test]
    fn useful_things() {
        check(&uprobe_found(true), Status::Ok, "offered as a perf event");
        check(
            &uprobe_found(false),
            Status::Limited,
            "not in this kernel: who started a goroutine is not told",
        );
        check(
            &page_faults_found(true),
            Status::Ok,
            "tracepoint exceptions:page_fault_user",
        );
        check(
            &page_faults_found(false),
            Status::Limited,
            "not in this kernel: who touched memory first is not told",
        );
        let place = Place::Mounted("/sys/kernel/tracing".into());
        check(&tracefs_found(Ok(place)), Status::Ok, "/sys/kernel/tracing");
        check(
            &tracefs_found(refused()),
            Status::Missing,
            "not mounted, and cannot be (Operation not permitted (os error 1))",
        );
    }
}
