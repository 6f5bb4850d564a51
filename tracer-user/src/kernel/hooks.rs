//! Hooks the programs in, with the best family that this kernel allows.

use std::fmt;

use aya::{
    Btf, Ebpf,
    programs::{FEntry, FExit, KProbe, Program, ProgramError, RawTracePoint, TracePoint},
};
use tracer_ebpf::Kind;

use super::{links::Links, programs::chain, stacks::Stacks};
use crate::failure::Failure;

/// A way to hook system calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// `fentry` and `fexit` on `__x64_sys_*`: cheapest, costs nothing to other calls.
    Fentry,
    /// `syscalls:sys_enter_*` and `sys_exit_*`: everywhere, at 12 ns for every call of every process
    /// (`getppid` 81 ns to 93). The raw `sys_enter` and `sys_exit`, the only others that could do,
    /// take 27 ns for one and 46 for both, even with a program that does nothing.
    Tracepoint,
    /// `kprobe` and `kretprobe` on `__x64_sys_*`: no such tax, but the kernel has room for few
    /// threads inside a probed call and misses the returns of more.
    Kprobe,
}

impl Family {
    /// Best first.
    pub const ALL: [Self; 3] = [Self::Fentry, Self::Tracepoint, Self::Kprobe];

    /// The name on the command line and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fentry => "fentry",
            Self::Kprobe => "kprobe",
            Self::Tracepoint => "tracepoint",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What was hooked in.
#[derive(Debug)]
pub struct Hooked {
    /// The family in use.
    pub family: Family,
    /// Of which events stacks are taken.
    pub stacks: Stacks,
    /// Calls that this kernel does not have or does not let us see.
    pub missing: Vec<Kind>,
    /// Better families that this kernel refused, and why.
    pub refused: Vec<(Family, String)>,
}

impl Hooked {
    /// How events are seen, for the report.
    #[must_use]
    pub fn describe(&self) -> String {
        let family = self.family.name();
        match self.stacks {
            Stacks::All | Stacks::Sampled { .. } => family.to_owned(),
            Stacks::None => format!("{family}, without stacks"),
        }
    }
}

/// Raw tracepoints: program and event.
const RAW: &[(&str, &str)] = &[
    ("process_exec", "sched_process_exec"),
    ("process_fork", "sched_process_fork"),
    ("process_exit", "sched_process_exit"),
    // Only x86 has it; elsewhere faults are missing.
    ("page_fault_user", "page_fault_user"),
];

/// Calls that came with a newer kernel (5.9, 5.10) or that not every processor has.
const OPTIONAL: &[Kind] = &[
    Kind::CLOSE_RANGE,
    Kind::PROCESS_MADVISE,
    Kind::DUP2,
    Kind::ACCEPT,
    Kind::PAGE_FAULT,
];

/// Hooks everything in; without a family asked for, the first that works.
pub(super) fn attach(
    ebpf: &mut Ebpf,
    family: Option<Family>,
    stacks: Stacks,
) -> Result<(Hooked, Links), Failure> {
    let mut links = Links::default();
    let mut missing = attach_raw(ebpf, &mut links)?;
    let candidates = family
        .as_ref()
        .map_or(&Family::ALL[..], std::slice::from_ref);
    let mut refused = Vec::new();
    for candidate in candidates {
        // What a refused family had hooked in is taken back, or its calls would be seen twice.
        let mut of_calls = Links::default();
        match attach_calls(ebpf, *candidate, &mut of_calls) {
            Ok(calls) => {
                missing.extend(calls);
                links.append(of_calls);
                let hooked = Hooked {
                    family: *candidate,
                    stacks,
                    missing,
                    refused,
                };
                return Ok((hooked, links));
            }
            Err(error) => {
                tracing::debug!(family = %candidate, "refused: {error}");
                refused.push((*candidate, error));
            }
        }
    }
    Err(refusal(&refused))
}

/// The error when no family works: why each does not.
fn refusal(refused: &[(Family, String)]) -> Failure {
    let whys: Vec<String> = refused
        .iter()
        .map(|(family, why)| {
            // What the verifier has to say takes pages.
            let why = why.split(". Verifier output").next().unwrap_or(why);
            format!("{family}: {why}")
        })
        .collect();
    let whys = whys.join("; ");
    let hint = if whys.contains("perf_event_open") {
        "perf_event_open is refused: in a container, --privileged or a seccomp profile that allows it"
    } else {
        "`tracer doctor` shows which hook families this kernel allows"
    };
    let error = format!("the kernel does not let us see system calls: {whys}");
    Failure::unsupported(error, hint)
}

fn attach_raw(ebpf: &mut Ebpf, links: &mut Links) -> Result<Vec<Kind>, Failure> {
    let mut missing = Vec::new();
    for (program, event) in RAW {
        let result = program_mut::<RawTracePoint>(ebpf, program).and_then(|program| {
            program.load().map_err(|error| chain(&error))?;
            let link = program.attach(event).and_then(|id| program.take_link(id));
            link.map_err(|error| chain(&error))
        });
        match result {
            Ok(link) => links.push(link),
            Err(error) if *program == "page_fault_user" => {
                tracing::warn!("page faults are not seen, so growth has no stacks: {error}");
                missing.push(Kind::PAGE_FAULT);
            }
            Err(error) => {
                return Err(Failure::unsupported(
                    format!("the kernel does not let tracer see {event}: {error}"),
                    "`tracer doctor` shows what this kernel and these capabilities allow",
                ));
            }
        }
    }
    Ok(missing)
}

/// Hooks in all calls; returns those that this kernel does not have.
fn attach_calls(ebpf: &mut Ebpf, family: Family, links: &mut Links) -> Result<Vec<Kind>, String> {
    let mut missing = Vec::new();
    match family {
        Family::Fentry => {
            let types = Btf::from_sys_fs().map_err(|error| chain(&error))?;
            // The small programs first: a kernel that refuses does so within a millisecond.
            let (releasing, others): (Vec<Kind>, Vec<Kind>) =
                Kind::calls().iter().partition(|kind| kind.releases());
            for kind in releasing.into_iter().chain(others) {
                let entry = kind.releases().then(|| fentry(ebpf, kind, &types, links));
                let both = entry
                    .unwrap_or(Ok(()))
                    .and_then(|()| fexit(ebpf, kind, &types, links));
                keep_going(kind, both, &mut missing)?;
            }
        }
        Family::Kprobe => {
            load(program_mut::<KProbe>(ebpf, "kp_enter")?.load())?;
            load(program_mut::<KProbe>(ebpf, "kp_return")?.load())?;
            for kind in Kind::calls() {
                let function = function(*kind);
                let both = kprobe(ebpf, "kp_enter", &function, links)
                    .and_then(|()| kprobe(ebpf, "kp_return", &function, links));
                keep_going(*kind, both, &mut missing)?;
            }
        }
        Family::Tracepoint => {
            load(program_mut::<TracePoint>(ebpf, "tp_enter")?.load())?;
            load(program_mut::<TracePoint>(ebpf, "tp_return")?.load())?;
            for kind in Kind::calls() {
                let entry = kind
                    .releases()
                    .then(|| tracepoint(ebpf, "tp_enter", "enter", *kind, links));
                let both = entry
                    .unwrap_or(Ok(()))
                    .and_then(|()| tracepoint(ebpf, "tp_return", "exit", *kind, links));
                keep_going(*kind, both, &mut missing)?;
            }
        }
    }
    Ok(missing)
}

/// A missing call is noted when the kernel may lack it, and refuses the family else.
fn keep_going(
    kind: Kind,
    result: Result<(), String>,
    missing: &mut Vec<Kind>,
) -> Result<(), String> {
    match result {
        Err(error) if OPTIONAL.contains(&kind) => {
            tracing::debug!(call = kind.name(), "not seen: {error}");
            missing.push(kind);
            Ok(())
        }
        other => other,
    }
}

fn tracepoint(
    ebpf: &mut Ebpf,
    program: &str,
    side: &str,
    kind: Kind,
    links: &mut Links,
) -> Result<(), String> {
    let event = format!("sys_{side}_{}", kind.name());
    let program = program_mut::<TracePoint>(ebpf, program)?;
    program
        .attach("syscalls", &event)
        .and_then(|id| program.take_link(id))
        .map(|link| links.push(link))
        .map_err(|error| chain(&error))
}

fn kprobe(ebpf: &mut Ebpf, program: &str, function: &str, links: &mut Links) -> Result<(), String> {
    let program = program_mut::<KProbe>(ebpf, program)?;
    program
        .attach(function, 0)
        .and_then(|id| program.take_link(id))
        .map(|link| links.push(link))
        .map_err(|error| chain(&error))
}

fn fentry(ebpf: &mut Ebpf, kind: Kind, types: &Btf, links: &mut Links) -> Result<(), String> {
    let program = program_mut::<FEntry>(ebpf, &format!("fe_{}", kind.name()))?;
    load(program.load(&function(kind), types))?;
    program
        .attach()
        .and_then(|id| program.take_link(id))
        .map(|link| links.push(link))
        .map_err(|error| chain(&error))
}

fn fexit(ebpf: &mut Ebpf, kind: Kind, types: &Btf, links: &mut Links) -> Result<(), String> {
    let program = program_mut::<FExit>(ebpf, &format!("fx_{}", kind.name()))?;
    load(program.load(&function(kind), types))?;
    program
        .attach()
        .and_then(|id| program.take_link(id))
        .map(|link| links.push(link))
        .map_err(|error| chain(&error))
}

/// The kernel function of a call (`SYSCALL_DEFINE` wrappers, since 4.17).
fn function(kind: Kind) -> String {
    let prefix = if cfg!(target_arch = "aarch64") {
        "__arm64_sys_"
    } else {
        "__x64_sys_"
    };
    format!("{prefix}{}", kind.name())
}

fn load(result: Result<(), ProgramError>) -> Result<(), String> {
    match result {
        Err(ProgramError::AlreadyLoaded) => Ok(()),
        other => other.map_err(|error| chain(&error)),
    }
}

fn program_mut<'a, P>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut P, String>
where
    &'a mut P: TryFrom<&'a mut Program, Error = ProgramError>,
{
    let program = ebpf
        .program_mut(name)
        .ok_or_else(|| format!("no program {name}"))?;
    program.try_into().map_err(|error| chain(&error))
}
