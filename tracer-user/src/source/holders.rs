//! A search for who holds objects of the heap, at a pace that the process does not feel.

use std::thread::sleep;
use std::time::{Duration, Instant};

use tracer_core::event::Holders;

use crate::go::holders::{Error, Subject, Wanted, find};
use crate::go::runtime::heap_profile::HeapProfile;
use crate::go::runtime::{Budget, Globals, Process};

/// How fast a search goes, and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Rest, in percent of the time that reading takes.
    pub(crate) rest: u32,
    /// How long it may take.
    pub(crate) limit: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            rest: 100,
            limit: Duration::from_secs(10),
        }
    }
}

/// Reading before and after a search may take so long too.
const AROUND: Duration = Duration::from_secs(5);

/// Bytes that are read: twenty turns over a heap of 3 GiB.
const MAX_BYTES: u64 = 64 << 30;

/// Between two looks at a profile that changes.
const PAUSE: Duration = Duration::from_millis(5);

/// The memory of a process, for a search of at most so long, and for what is read around it.
pub(crate) fn memory(pid: u32, time: Duration) -> Process {
    let time = time + AROUND;
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
    let mut busy = began;
    let mut pause = || {
        sleep(busy.elapsed() * pace.rest / 100);
        busy = Instant::now();
        let in_time = began.elapsed() < pace.limit;
        in_time && subject.memory.stopped().is_none() && !is_over()
    };
    let found = find(subject, file, profile, wanted, &mut pause)?;
    Ok(Holders {
        sites: found.sites,
        took_ns: began.elapsed().as_nanos() as u64,
        bytes_read: subject.memory.bytes_read(),
        incomplete: found.incomplete,
    })
}
