//! What one process allows.

use std::io;

use humansize::{BINARY, format_size};

use super::{Finding, Line, Role, samplers};
use crate::failure::{ExitStatus, Failure};
use crate::proc::memory::Reading;
use crate::proc::target::Target;
use crate::proc::{cgroup, fds, memory};

/// What was found out about a process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Visit {
    /// The pid asked for.
    pub pid: u32,
    /// Why it cannot be attached to, as an exit code.
    pub refused: Option<ExitStatus>,
    /// What was found, in reading order.
    pub lines: Vec<Line>,
}

type Look = fn(&Target) -> Finding;

/// Everything that is looked at, once the process could be opened.
const CHECKS: &[(&str, Look)] = &[
    ("executable", executable),
    ("namespaces", namespaces),
    ("memory", |target| memory_read(memory::sample(target.pid()))),
    ("descriptors", |target| {
        descriptors_read(fds::read(target.pid()).map(|found| found.len()))
    }),
    ("its cgroup", |target| {
        samplers::cgroup_found(cgroup::read(target.pid()))
    }),
];

pub(super) fn visit(pid: u32, opened: Result<Target, Failure>) -> Visit {
    let line = |name, role, finding| Line {
        name,
        role,
        finding,
    };
    match opened {
        Ok(target) => {
            let who = format!("{pid} ({}) of uid {}", target.comm, target.uid);
            let first = line("process", Role::Required, Finding::ok(who));
            let others = CHECKS
                .iter()
                .map(|(name, look)| line(name, Role::Useful, look(&target)));
            Visit {
                pid,
                refused: None,
                lines: std::iter::once(first).chain(others).collect(),
            }
        }
        Err(failure) => {
            let lines = vec![line("process", Role::Required, Finding::refused(&failure))];
            Visit {
                pid,
                refused: Some(failure.status),
                lines,
            }
        }
    }
}

fn executable(target: &Target) -> Finding {
    let size = target
        .open_exe()
        .and_then(|file| file.metadata())
        .map(|found| found.len());
    executable_found(&target.exe_path, target.exe_deleted, target.is_32bit, size)
}

fn executable_found(path: &str, deleted: bool, is_32bit: bool, size: io::Result<u64>) -> Finding {
    let deleted = if deleted { ", deleted" } else { "" };
    match size {
        Ok(size) if is_32bit => Finding::limited(
            format!("{path}, {}{deleted}, 32 bits", format_size(size, BINARY)),
            "its system calls are counted, its stacks are not walked",
        ),
        Ok(size) => Finding::ok(format!("{path}, {}{deleted}", format_size(size, BINARY))),
        Err(error) => Finding::limited(
            format!("{path} cannot be read ({error})"),
            "without it stacks have no names",
        ),
    }
}

fn namespaces(target: &Target) -> Finding {
    let own = "the pid namespace of the machine".to_owned();
    Finding::ok(
        target
            .inner_pid
            .map_or(own, |pid| format!("a container, where its pid is {pid}")),
    )
}

fn memory_read(reading: io::Result<Reading>) -> Finding {
    match reading {
        Ok(Reading { sample, walked }) => {
            let size = |bytes| format_size(bytes, BINARY);
            let lazy = sample.lazy_free.map_or("not told".to_owned(), size);
            Finding::ok(format!(
                "RSS {}, LazyFree {lazy}, read in {walked:.1?}",
                size(sample.rss)
            ))
        }
        Err(error) => Finding::limited(format!("not read ({error})"), "it may be exiting"),
    }
}

fn descriptors_read(count: io::Result<usize>) -> Finding {
    match count {
        Ok(count) => Finding::ok(format!("{count} open")),
        Err(error) => Finding::limited(format!("not read ({error})"), "it may be exiting"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tracer_core::event::MemorySample;

    use super::*;
    use crate::doctor::Status;

    #[track_caller]
    fn check(found: &Finding, status: Status, detail: &str) {
        assert_eq!((found.status, found.detail.as_str()), (status, detail));
        assert_eq!(found.hint.is_some(), status != Status::Ok);
    }

    #[test]
    fn executables() {
        check(
            &executable_found("/srv/shop", false, false, Ok(3 << 20)),
            Status::Ok,
            "/srv/shop, 3 MiB",
        );
        check(
            &executable_found("/a", true, true, Ok(1024)),
            Status::Limited,
            "/a, 1 KiB, deleted, 32 bits",
        );
        check(
            &executable_found("/a", false, false, Err(io::Error::other("x"))),
            Status::Limited,
            "/a cannot be read (x)",
        );
    }

    #[test]
    fn memory_and_descriptors() {
        let sample = MemorySample {
            rss: 3 << 20,
            lazy_free: Some(1 << 20),
            ..MemorySample::default()
        };
        let walked = Duration::from_micros(1500);
        check(
            &memory_read(Ok(Reading { sample, walked })),
            Status::Ok,
            "RSS 3 MiB, LazyFree 1 MiB, read in 1.5ms",
        );
        check(
            &memory_read(Err(io::Error::other("x"))),
            Status::Limited,
            "not read (x)",
        );
        check(&descriptors_read(Ok(7)), Status::Ok, "7 open");
        check(
            &descriptors_read(Err(io::Error::other("x"))),
            Status::Limited,
            "not read (x)",
        );
    }

    #[test]
    fn a_refused_process_keeps_its_exit_code() {
        let found = visit(0, Err(Failure::usage("no pid", "give one")));
        assert_eq!(found.refused, Some(ExitStatus::Usage));
        check(&found.lines[0].finding, Status::Missing, "no pid");
    }
}
