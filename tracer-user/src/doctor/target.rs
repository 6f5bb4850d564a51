//! What one process allows.

use std::io;

use humansize::{BINARY, format_size};

use super::{Finding, Line, Role, samplers};
use crate::failure::{ExitStatus, Failure};
use crate::proc::capability::how_to_grant;
use crate::proc::memory::Reading;
use crate::proc::target::Target;
use crate::proc::{cgroup, fds, memory};
use crate::symbols::Executable;

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
const CHECKS: &[(&str, Role, Look)] = &[
    ("executable", Role::Required, executable),
    ("namespaces", Role::Useful, namespaces),
    ("memory", Role::Useful, |target| {
        memory_read(memory::sample(target.pid()))
    }),
    ("descriptors", Role::Useful, |target| {
        descriptors_read(fds::read(target.pid()).map(|found| found.len()))
    }),
    ("its cgroup", Role::Useful, |target| {
        samplers::cgroup_found(cgroup::read(target.pid()))
    }),
];

pub(super) fn visit(pid: u32, opened: Result<Target, Failure>) -> Visit {
    let opened = opened.map_err(|failure| (failure.status, Finding::refused(&failure)));
    let lines = match &opened {
        Ok(target) => {
            let who = format!("{pid} ({}) of uid {}", target.comm, target.uid);
            let others = CHECKS
                .iter()
                .map(|(name, role, look)| line(name, *role, look(target)));
            let first = line("process", Role::Required, Finding::ok(who));
            std::iter::once(first).chain(others).collect()
        }
        Err((_, finding)) => vec![line("process", Role::Required, finding.clone())],
    };
    let unusable = lines.iter().any(Line::is_obstacle);
    let refused = match opened {
        Ok(_) => unusable.then_some(ExitStatus::Unsupported),
        Err((status, _)) => Some(status),
    };
    Visit {
        pid,
        refused,
        lines,
    }
}

fn line(name: &'static str, role: Role, finding: Finding) -> Line {
    Line {
        name,
        role,
        finding,
    }
}

fn executable(target: &Target) -> Finding {
    let (bytes, executable) = match Executable::read(target.pid()) {
        Ok(parts) => parts,
        Err(error) => {
            return Finding::missing(
                format!("{} cannot be read ({error})", target.exe_path),
                how_to_grant(),
            );
        }
    };
    let binary = executable.as_ref().map(Executable::binary);
    let Some(binary) = binary.filter(|binary| binary.is_go) else {
        return Finding::refused(&target.not_go(&bytes));
    };
    let size = bytes.len() as u64;
    let version = binary.go_version.as_deref();
    Finding::ok(described(
        &target.exe_path,
        target.exe_deleted,
        size,
        version,
    ))
}

fn described(path: &str, deleted: bool, size: u64, version: Option<&str>) -> String {
    let size = format_size(size, BINARY);
    let deleted = if deleted { ", deleted" } else { "" };
    let version = version.unwrap_or("Go of unknown version");
    format!("{path}, {size}{deleted}, {version}")
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
        assert_eq!(
            described("/srv/shop", false, 3 << 20, Some("go1.26.8")),
            "/srv/shop, 3 MiB, go1.26.8",
        );
        assert_eq!(
            described("/srv/shop", true, 1024, None),
            "/srv/shop, 1 KiB, deleted, Go of unknown version",
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
