//! From a process to its heap profile, or why there is none.

use std::thread::sleep;
use std::time::Duration;

use crate::commands::go_program::{Attempt, GoProgram};
use crate::failure::Failure;
use crate::go::runtime::heap_profile::{HeapProfile, Places, is_linked_out};
use crate::go::runtime::{Budget, Memory as _, Process, Profile as Variables};
use crate::proc::target::Target;

/// A profile of the largest size twice, in any state of the machine.
const BUDGET: Budget = Budget {
    time: Duration::from_secs(10),
    bytes: 1 << 30,
};
/// Between two looks at a profile that changes.
const PAUSE: Duration = Duration::from_millis(5);

/// The heap profile of a process, and what is needed to name its addresses.
pub(super) struct Reading {
    pub(super) profile: HeapProfile,
    pub(super) opened: GoProgram,
}

impl Reading {
    /// Reads the profile of a process.
    pub(super) fn of(target: &Target) -> Result<Self, Failure> {
        let what = "read the heap profile of";
        let attempt = Attempt { target, what };
        attempt.unless_gone(Self::read(attempt))
    }

    fn read(attempt: Attempt<'_>) -> Result<Self, Failure> {
        let (opened, file) = attempt.open()?;
        drop(file);
        let memory = Process::new(attempt.target.pid(), BUDGET);
        let minor = opened.program.minor();
        let variables = Variables::locate(&opened.program, opened.bias, &memory);
        let missing = |name: &str| {
            let why = format!("the runtime's {name} was not found in its memory");
            attempt.stopped(&memory, &why)
        };
        let places = Places {
            buckets: variables.buckets.ok_or_else(|| missing("mbuckets"))?,
            cycle: variables.cycle.ok_or_else(|| missing("mProfCycle"))?,
            rate: variables.rate.ok_or_else(|| missing("MemProfileRate"))?,
            locks: Vec::new(),
        };
        let profile = HeapProfile::read(&memory, &places, minor, || sleep(PAUSE))
            .map_err(|error| attempt.stopped(&memory, &error))?;
        if profile.rate == 0 {
            let flag = variables.disabled.map(|at| memory.word(at));
            let flag = flag.and_then(Result::ok).map(|word| word & 0xff == 1);
            // What was sampled before the rate was set, while the runtime started, is no profile.
            let linked_out = flag.unwrap_or_else(|| is_linked_out(opened.binary(), minor));
            if linked_out || profile.buckets().len() == 0 {
                return Err(nothing_sampled(attempt.target, linked_out));
            }
        }
        Ok(Self { profile, opened })
    }
}

fn nothing_sampled(target: &Target, linked_out: bool) -> Failure {
    let (pid, comm) = (target.pid(), &target.comm);
    let instead = format!("`tracer attach --pid {pid}` shows by which stacks memory grows");
    if linked_out {
        return Failure::unsupported(
            format!(
                "pid {pid} ({comm}) has no heap profile: nothing in it refers to \
                 runtime.MemProfile, so the linker has switched the profiler off"
            ),
            format!(
                "its own pprof would show nothing either; {instead}; \
                 to have a profile, build it with an import of net/http/pprof"
            ),
        );
    }
    Failure::unsupported(
        format!(
            "pid {pid} ({comm}) has switched its heap profiler off (runtime.MemProfileRate = 0)"
        ),
        format!("its own pprof would show nothing either; {instead}"),
    )
}
