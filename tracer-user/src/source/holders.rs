//! A search for who holds objects of the heap, at a pace that the process does not feel.

mod leisure;
mod swapped;

use std::thread::sleep;
use std::time::{Duration, Instant};

use tracer_core::event::Holders;

use crate::go::holders::{Error, Subject, Wanted, find};
use crate::go::runtime::heap_profile::HeapProfile;
use crate::go::runtime::{Budget, Globals, Process};
use leisure::{LIMIT_IF_BUSY, Leisurely};
use swapped::Swapped;

/// How fast a search goes, and how long.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    /// Rest, in percent of the processor time that it takes; if nobody said, as others leave some.
    pub(crate) rest: Option<u32>,
    /// How long it may take; if nobody said, [`LIMIT`], and [`LIMIT_IF_BUSY`] while others need the
    /// processors.
    pub(crate) limit: Option<Duration>,
}

/// Reading before and after a search may take so long too.
const AROUND: Duration = Duration::from_secs(5);

/// Bytes that are read: twenty turns over a heap of 3 GiB.
const MAX_BYTES: u64 = 64 << 30;

/// Between two looks at a profile that changes.
const PAUSE: Duration = Duration::from_millis(5);

/// The memory of a process, for a search at this pace, and for what is read around it.
pub(crate) fn memory(pid: u32, pace: Pace) -> Process {
    let time = pace.limit.unwrap_or(LIMIT_IF_BUSY) + AROUND;
    let bytes = MAX_BYTES;
    Process::new(pid, Budget { time, bytes })
}

/// The heap profile, where there is one.
pub(crate) fn profile(memory: &Process, globals: &Globals) -> Option<HeapProfile> {
    let places = globals.profile.places()?;
    let minor = globals.layout.minor();
    let profile = HeapProfile::read(memory, &places, minor, || sleep(PAUSE)).ok()?;
    (profile.rate > 0).then_some(profile)
}

/// Searches until it is complete, over, or out of time.
pub(crate) fn search(
    subject: &Subject<'_, Process>,
    file: &[u8],
    profile: Option<&HeapProfile>,
    wanted: &Wanted,
    pace: Pace,
    is_over: impl Fn() -> bool,
) -> Result<Holders, Error> {
    let began = Instant::now();
    let swapped = Swapped::of(subject.memory.pid());
    let memory = Leisurely::new(subject.memory, pace, &is_over, swapped.as_ref());
    let mut pause = || memory.has_time() && subject.memory.stopped().is_none();
    let leisurely = Subject {
        memory: &memory,
        globals: subject.globals,
        table: subject.table,
        bias: subject.bias,
    };
    let found = find(&leisurely, file, profile, wanted, &mut pause)?;
    let not_read = swapped.as_ref().and_then(Swapped::reason);
    Ok(Holders {
        sites: found.sites,
        took_ns: began.elapsed().as_nanos() as u64,
        bytes_read: subject.memory.bytes_read(),
        incomplete: match (found.incomplete, not_read) {
            (Some(why), Some(not_read)) => Some(format!("{why}; {not_read}")),
            (why, not_read) => why.or_else(|| not_read.map(str::to_owned)),
        },
        is_part: found.is_part,
    })
}
