//! The kernel, our rights and the switches that restrict them.

use std::io;
use std::path::Path;

use humansize::{BINARY, format_size};
use rustix::process::{Resource, getrlimit};

use super::Finding;
use crate::proc::capability::{Effective, how_to_grant};
use crate::proc::memlock::CHARGED_TO_CGROUP;
use crate::proc::{SHORT, namespace, open_files, read_capped, release, status, target};

pub(super) fn kernel() -> Finding {
    match release::read() {
        Ok(release) => Finding::ok(release.text),
        Err(error) => Finding::limited(error.to_string(), "mount /proc"),
    }
}

pub(super) fn architecture() -> Finding {
    architecture_named(std::env::consts::ARCH)
}

fn architecture_named(name: &str) -> Finding {
    match name {
        "x86_64" => Finding::ok("amd64"),
        "aarch64" => Finding::ok("arm64"),
        other => Finding::missing(
            format!("{other} has no stack walker"),
            "traces can be recorded on amd64 and arm64, and analysed anywhere",
        ),
    }
}

pub(super) fn capabilities() -> Finding {
    match (Effective::read(), namespace::has_first_users()) {
        (Ok(rights), Ok(first_users)) => rights_found(rights, first_users),
        (Err(error), _) | (_, Err(error)) => Finding::missing(error.to_string(), "mount /proc"),
    }
}

fn rights_found(rights: Effective, first_users: bool) -> Finding {
    if !first_users {
        return Finding::missing(
            "ours count only inside of a user namespace",
            "run it as root of the machine, outside of the rootless container",
        );
    }
    let missing: Vec<_> = rights.missing().collect();
    let names: Vec<&str> = missing.iter().map(|needed| needed.name).collect();
    let names = names.join(" ");
    if missing.is_empty() {
        Finding::ok("all that are needed")
    } else if missing.iter().any(|needed| needed.essential) {
        Finding::missing(format!("without {names}"), how_to_grant())
    } else {
        let purposes: Vec<&str> = missing.iter().map(|needed| needed.purpose).collect();
        let detail = format!("without {names}: cannot {}", purposes.join(", nor "));
        Finding::limited(detail, how_to_grant())
    }
}

pub(super) fn pid_namespace() -> Finding {
    match namespace::has_first_pids() {
        Ok(true) => Finding::ok("the first one"),
        Ok(false) => Finding::refused(&target::pid_namespace()),
        Err(error) => Finding::missing(error.to_string(), "mount /proc"),
    }
}

pub(super) fn memlock() -> Finding {
    let version = release::read().map_or((0, 0), |release| release.version);
    memlock_of(getrlimit(Resource::Memlock).current, version)
}

fn memlock_of(limit: Option<u64>, version: (u64, u64)) -> Finding {
    let Some(bytes) = limit else {
        return Finding::ok("unlimited");
    };
    let size = format_size(bytes, BINARY);
    let (major, minor) = CHARGED_TO_CGROUP;
    if version >= CHARGED_TO_CGROUP {
        return Finding::ok(format!(
            "{size}, of no concern to BPF since Linux {major}.{minor}"
        ));
    }
    Finding::limited(
        format!("{size}, which BPF maps must fit into before Linux {major}.{minor}"),
        "raise it: ulimit -l unlimited, or run with CAP_SYS_RESOURCE",
    )
}

pub(super) fn open_files() -> Finding {
    open_files_of(open_files::limit())
}

fn open_files_of(limit: Option<u64>) -> Finding {
    let needed = open_files::NEEDED;
    match limit {
        None => Finding::ok("unlimited"),
        Some(limit) if limit >= needed => Finding::ok(limit.to_string()),
        Some(limit) => Finding::missing(
            format!("{limit} at once (RLIMIT_NOFILE), and attaching takes up to {needed}"),
            "raise it: ulimit -n 1024, or LimitNOFILE= of its systemd unit",
        ),
    }
}

pub(super) fn seccomp() -> Finding {
    seccomp_told(status::read_own().ok().and_then(|status| status.seccomp))
}

/// `mode` as in `Seccomp:` of `/proc/PID/status`: 2 is a filter.
fn seccomp_told(mode: Option<u32>) -> Finding {
    match mode {
        Some(2) => Finding::limited(
            "a filter decides which system calls we may make",
            "where something is refused below or above, it may be by this filter: run it outside of the container",
        ),
        Some(_) => Finding::ok("no filter"),
        None => Finding::ok("not in this kernel"),
    }
}

pub(super) fn compat_calls() -> Finding {
    compat_calls_of(cfg!(target_arch = "x86_64") && Path::new("/proc/sys/abi/vsyscall32").exists())
}

fn compat_calls_of(possible: bool) -> Finding {
    Finding::ok(if possible {
        "not seen where a program of 64 bits makes them (int 0x80), which Go never does; programs of 32 bits are refused"
    } else {
        "none in this kernel"
    })
}

pub(super) fn perf_event_paranoid() -> Finding {
    // With CAP_PERFMON, which is required anyway, the switch has no effect.
    setting(
        "/proc/sys/kernel/perf_event_paranoid",
        "no perf events in this kernel",
    )
}

pub(super) fn unprivileged_bpf() -> Finding {
    setting(
        "/proc/sys/kernel/unprivileged_bpf_disabled",
        "no switch in this kernel",
    )
}

fn setting(path: &str, absent: &str) -> Finding {
    setting_of(path, read_capped(path, SHORT), absent)
}

fn setting_of(path: &str, text: io::Result<Vec<u8>>, absent: &str) -> Finding {
    let name = path.rsplit('/').next().unwrap_or(path);
    match text {
        Ok(text) => {
            let value = String::from_utf8_lossy(text.trim_ascii()).into_owned();
            Finding::ok(format!(
                "{name} is {value}; CAP_BPF and CAP_PERFMON override it"
            ))
        }
        Err(_) => Finding::ok(absent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[track_caller]
    fn check(found: &Finding, status: Status, detail: &str) {
        assert_eq!((found.status, found.detail.as_str()), (status, detail));
        assert_eq!(found.hint.is_some(), status != Status::Ok);
    }

    #[test]
    fn architectures() {
        check(&architecture_named("x86_64"), Status::Ok, "amd64");
        check(&architecture_named("aarch64"), Status::Ok, "arm64");
        check(
            &architecture_named("riscv64"),
            Status::Missing,
            "riscv64 has no stack walker",
        );
    }

    #[test]
    fn rights() {
        check(
            &rights_found(Effective(u64::MAX), true),
            Status::Ok,
            "all that are needed",
        );
        check(
            &rights_found(Effective(u64::MAX), false),
            Status::Missing,
            "ours count only inside of a user namespace",
        );
        check(
            &rights_found(Effective(1 << 39 | 1 << 2 | 1 << 19 | 1 << 40), true),
            Status::Missing,
            "without CAP_PERFMON",
        );
        check(
            &rights_found(Effective(1 << 38 | 1 << 39 | 1 << 2), true),
            Status::Limited,
            "without CAP_SYS_PTRACE CAP_CHECKPOINT_RESTORE: cannot look into processes of other users, \
             nor read their executables through map_files",
        );
    }

    #[test]
    fn memlock_limits() {
        check(&memlock_of(None, (5, 4)), Status::Ok, "unlimited");
        check(
            &memlock_of(Some(8 << 20), (5, 11)),
            Status::Ok,
            "8 MiB, of no concern to BPF since Linux 5.11",
        );
        check(
            &memlock_of(Some(64 << 10), (5, 10)),
            Status::Limited,
            "64 KiB, which BPF maps must fit into before Linux 5.11",
        );
    }

    #[test]
    fn settings() {
        let found = setting_of("/proc/sys/kernel/x", Ok(b"2\n".to_vec()), "none");
        check(
            &found,
            Status::Ok,
            "x is 2; CAP_BPF and CAP_PERFMON override it",
        );
        let absent = setting_of(
            "/proc/sys/kernel/x",
            Err(io::ErrorKind::NotFound.into()),
            "none",
        );
        check(&absent, Status::Ok, "none");
    }
}
