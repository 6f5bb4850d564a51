//! What this kernel, these rights and this target allow.
//!
//! ```text
//! CHECKS ──▶ Finding each ─┬─▶ Diagnosis (text, JSON, exit status)   `tracer doctor`
//!                          └─▶ first one that forbids attaching      `tracer attach`
//! ```
//!
//! Each check asks the kernel for the thing itself; nothing is concluded from a version.

use crate::failure::{ExitStatus, Failure};
use crate::proc::target::Target;
use crate::proc::{memlock, open_files};

mod bpf;
mod finding;
mod hooks;
mod machine;
mod render;
mod samplers;
mod target;

pub use finding::{Finding, Status};
pub use target::Visit;

/// One thing to look at on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// What it is called in the report.
    pub name: &'static str,
    /// What it means when it is missing.
    pub role: Role,
    look: fn() -> Finding,
}

impl Check {
    const fn new(role: Role, name: &'static str, look: fn() -> Finding) -> Self {
        Self { name, role, look }
    }
}

/// What a missing thing means for attaching.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// Nothing works without it.
    Required,
    /// One of the ways to hook system calls; one is enough.
    Hook,
    /// Some numbers are missing or coarse without it.
    Useful,
}

/// Everything that is looked at on the machine, in reading order. The checks of role `Hook`
/// stand in the order of preference and carry the names `--hooks` takes.
pub const CHECKS: &[Check] = &[
    Check::new(Role::Useful, "kernel", machine::kernel),
    Check::new(Role::Required, "architecture", machine::architecture),
    Check::new(Role::Required, "capabilities", machine::capabilities),
    Check::new(Role::Required, "pid namespace", machine::pid_namespace),
    Check::new(Role::Required, "BPF", bpf::syscall),
    Check::new(Role::Required, "lockdown", bpf::lockdown),
    Check::new(Role::Required, "BTF", bpf::btf),
    Check::new(Role::Required, "ring buffer", bpf::ring_buffer),
    Check::new(Role::Required, "open files", machine::open_files),
    Check::new(Role::Useful, "memlock limit", machine::memlock),
    Check::new(Role::Useful, "seccomp", machine::seccomp),
    Check::new(Role::Hook, "fentry", hooks::fentry),
    Check::new(Role::Hook, "tracepoint", hooks::tracepoint),
    Check::new(Role::Hook, "kprobe", hooks::kprobe),
    Check::new(Role::Useful, "tracefs", hooks::tracefs),
    Check::new(Role::Useful, "page faults", hooks::page_faults),
    Check::new(Role::Useful, "32-bit calls", machine::compat_calls),
    Check::new(Role::Useful, "uprobe", hooks::uprobe),
    Check::new(Role::Useful, "perf paranoia", machine::perf_event_paranoid),
    Check::new(Role::Useful, "unprivileged BPF", machine::unprivileged_bpf),
    Check::new(Role::Useful, "smaps_rollup", samplers::smaps_rollup),
    Check::new(Role::Useful, "LazyFree", samplers::lazy_free),
    Check::new(Role::Useful, "memory cgroup", samplers::memory_cgroup),
];

/// A check and what it found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// Name of the check.
    pub name: &'static str,
    /// What it means when it is missing.
    pub role: Role,
    /// What was found.
    pub finding: Finding,
}

impl Line {
    fn is_obstacle(&self) -> bool {
        self.role == Role::Required && self.finding.status == Status::Missing
    }
}

/// The answer of `tracer doctor`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnosis {
    /// The machine, in reading order.
    pub machine: Vec<Line>,
    /// The target, when one was given.
    pub target: Option<Visit>,
}

/// Looks at everything, and at a process if one is given.
#[must_use]
pub fn run(pid: Option<u32>) -> Diagnosis {
    // As `attach` does, so that the kernel answers here what it will answer there.
    let _ = memlock::raise();
    open_files::raise();
    let look = |check: &Check| Line {
        name: check.name,
        role: check.role,
        finding: (check.look)(),
    };
    Diagnosis {
        machine: CHECKS.iter().map(look).collect(),
        target: pid.map(|pid| target::visit(pid, Target::open(pid))),
    }
}

/// Says before anything is loaded what makes attaching impossible, by its cause.
///
/// # Errors
/// The first required thing that is missing, with status `Unsupported`.
pub fn preflight() -> Result<(), Failure> {
    CHECKS
        .iter()
        .filter(|check| check.role == Role::Required)
        .try_for_each(|check| refusal(check.name, (check.look)()))
}

fn refusal(
    name: &str,
    Finding {
        status,
        detail,
        hint,
    }: Finding,
) -> Result<(), Failure> {
    match status {
        Status::Ok | Status::Limited => Ok(()),
        Status::Missing => Err(Failure::unsupported(
            format!("{name}: {detail}"),
            hint.unwrap_or_else(|| "`tracer doctor` shows everything that was found".to_owned()),
        )),
    }
}

impl Diagnosis {
    /// The hook families that can be used, best first.
    #[must_use]
    pub fn hooks(&self) -> Vec<&'static str> {
        let hooks = self.machine.iter().filter(|line| line.role == Role::Hook);
        hooks
            .filter(|line| line.finding.status != Status::Missing)
            .map(|line| line.name)
            .collect()
    }

    /// The required things that are missing; `hooks` when no family can be used.
    #[must_use]
    pub fn obstacles(&self) -> Vec<&'static str> {
        let missing = self.machine.iter().filter(|line| line.is_obstacle());
        missing
            .map(|line| line.name)
            .chain(self.hooks().is_empty().then_some("hooks"))
            .collect()
    }

    /// 0 when attaching would work, else the exit code of the command line.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        let unable = (!self.obstacles().is_empty()).then_some(ExitStatus::Unsupported);
        let refused = self.target.as_ref().and_then(|visit| visit.refused);
        refused.or(unable).map_or(0, |status| status as u8)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn diagnosis(found: &[(&'static str, Role, Status)]) -> Diagnosis {
        let line = |(name, role, status): &(&'static str, Role, Status)| {
            let finding = Finding {
                status: *status,
                detail: String::new(),
                hint: None,
            };
            Line {
                name,
                role: *role,
                finding,
            }
        };
        Diagnosis {
            machine: found.iter().map(line).collect(),
            target: None,
        }
    }

    #[test]
    fn one_hook_family_is_enough_and_required_things_are_required() {
        let bpf = ("BPF", Role::Required, Status::Ok);
        let no_fentry = ("fentry", Role::Hook, Status::Missing);
        let tracepoint = ("tracepoint", Role::Hook, Status::Limited);
        let useful = ("LazyFree", Role::Useful, Status::Missing);
        let fine = diagnosis(&[bpf, no_fentry, tracepoint, useful]);
        assert_eq!(
            (fine.hooks(), fine.obstacles()),
            (vec!["tracepoint"], vec![])
        );
        assert_eq!(fine.exit_status(), 0);
        let no_hooks = diagnosis(&[bpf, no_fentry]);
        assert_eq!(
            (no_hooks.hooks(), no_hooks.obstacles()),
            (vec![], vec!["hooks"])
        );
        let no_bpf = diagnosis(&[("BPF", Role::Required, Status::Missing), tracepoint]);
        assert_eq!(no_bpf.obstacles(), ["BPF"]);
        assert_eq!(no_bpf.exit_status(), 3);
    }

    #[test]
    fn a_refusal_names_its_cause() {
        assert!(refusal("BTF", Finding::ok("there")).is_ok());
        assert!(refusal("BTF", Finding::limited("coarse", "do")).is_ok());
        let failure = refusal("BTF", Finding::missing("not there", "do this")).unwrap_err();
        assert_eq!(
            (failure.error.as_str(), failure.hint.as_str()),
            ("BTF: not there", "do this")
        );
        assert_eq!(failure.status, ExitStatus::Unsupported);
    }

    #[test]
    fn names_are_unique_and_preflight_agrees_with_the_diagnosis() {
        let mut names: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CHECKS.len());
        let obstacles = run(None).obstacles();
        let first = obstacles.iter().find(|name| **name != "hooks");
        let refused = preflight().err();
        let cause = refused
            .as_ref()
            .and_then(|failure| failure.error.split(':').next());
        assert_eq!(cause, first.copied());
    }
}
