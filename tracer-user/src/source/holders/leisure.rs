//! Reads at a pace that others do not feel.
//!
//! ```text
//! read ─▶ look through it ─▶ read … ─▶ so much worked, so long a rest ─▶ …
//! ```
//!
//! Idle priority (`SCHED_IDLE`) does not do: the scheduler compares it within a session or a control
//! group only, and a service has its own. It would also hold the lock of the process's mappings, which
//! the kernel takes for each read, while it waits for all others.

use std::borrow::Cow;
use std::cell::Cell;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::swapped::Swapped;
use crate::go::runtime::{Memory, Part, Process, Unreadable};
use crate::proc::processors;

/// Rest in percent of the time worked, while a processor is free.
const FREE: u32 = 100;

/// The same while others need them all: a twentieth of one is taken from them.
const BUSY: u32 = 1900;

/// A processor is free if others leave so much of one, in percent.
const LEFT: u32 = 75;

/// Work between two rests: who waits for it waits so long.
const STRETCH: Duration = Duration::from_micros(200);

/// Between two looks at how busy the processors are, which are told in hundredths of a second.
const LOOK: Duration = Duration::from_millis(200);

/// A process that this thread reads at leisure.
pub(super) struct Leisurely<'p> {
    process: &'p Process,
    swapped: Option<&'p Swapped>,
    /// If somebody said how long to rest.
    rest: Option<u32>,
    /// Processor time of this thread at the beginning, and at the end of the last rest.
    first: Duration,
    last: Cell<Duration>,
    load: Cell<Load>,
}

/// How busy the processors were when they were looked at.
#[derive(Clone, Copy)]
struct Load {
    at: Instant,
    /// Of this thread.
    worked: Duration,
    /// Of the processors; unknown where the system does not tell.
    idle: Option<Duration>,
    is_busy: bool,
}

impl<'p> Leisurely<'p> {
    /// To be read with a rest of so many percent; without one it takes the time that it needs.
    pub(super) fn new(
        process: &'p Process,
        rest: Option<u32>,
        swapped: Option<&'p Swapped>,
    ) -> Self {
        let now = processor_time();
        Self {
            process,
            swapped,
            rest,
            first: now,
            last: Cell::new(now),
            load: Cell::new(Load {
                at: Instant::now(),
                worked: now,
                idle: processors::idle().ok(),
                is_busy: true,
            }),
        }
    }

    /// Time worked, and that of its rests as they are while a processor is free.
    pub(super) fn spent(&self) -> Duration {
        let worked = processor_time().saturating_sub(self.first);
        worked * (100 + self.rest.unwrap_or(FREE).min(FREE)) / 100
    }

    fn rest_if_due(&self) {
        let now = processor_time();
        let worked = now.saturating_sub(self.last.get());
        if worked < STRETCH {
            return;
        }
        let rest = self.rest.unwrap_or_else(|| self.rest_of_load(now));
        sleep(worked * rest / 100);
        self.last.set(now);
    }

    fn rest_of_load(&self, worked: Duration) -> u32 {
        let mut load = self.load.get();
        if load.at.elapsed() >= LOOK {
            load = load.next(Instant::now(), worked, processors::idle().ok());
            self.load.set(load);
        }
        if load.is_busy { BUSY } else { FREE }
    }
}

impl Load {
    fn next(self, at: Instant, worked: Duration, idle: Option<Duration>) -> Self {
        let own = worked.saturating_sub(self.worked);
        // What this thread took was left over by others, too.
        let left = idle
            .zip(self.idle)
            .map(|(idle, before)| idle.saturating_sub(before) + own);
        let wanted = at.saturating_duration_since(self.at) * LEFT / 100;
        Self {
            at,
            worked,
            idle,
            is_busy: left.is_none_or(|left| left < wanted),
        }
    }
}

impl Memory for Leisurely<'_> {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        self.rest_if_due();
        self.process.read(address, into)
    }

    fn in_memory<'a>(&self, parts: &'a [Part]) -> Cow<'a, [Part]> {
        match self.swapped {
            Some(swapped) => Cow::Owned(swapped.leave_out(parts)),
            None => Cow::Borrowed(parts),
        }
    }

    fn read_many(&self, parts: &[Part], into: &mut [u8]) -> usize {
        self.rest_if_due();
        self.process.read_many(parts, into)
    }
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::go::runtime::Budget;

    const SECOND: Duration = Duration::from_secs(1);

    fn load() -> Load {
        Load {
            at: Instant::now(),
            worked: SECOND,
            idle: Some(SECOND),
            is_busy: true,
        }
    }

    #[test]
    fn a_processor_is_free_if_others_leave_most_of_one() {
        let before = load();
        let after = before.at + SECOND;
        let is_busy = |worked_ms, idle_ms| {
            let worked = before.worked + Duration::from_millis(worked_ms);
            let idle = SECOND + Duration::from_millis(idle_ms);
            before.next(after, worked, Some(idle)).is_busy
        };
        assert!(is_busy(0, 700));
        assert!(!is_busy(0, 800));
        assert!(!is_busy(500, 300), "the half that it took itself");
        assert!(!is_busy(500, 1500));
        assert!(is_busy(50, 0));
    }

    #[test]
    fn who_does_not_know_how_busy_others_are_takes_little() {
        let before = load();
        let unknown = before.next(before.at + SECOND, SECOND, None);
        let known_again = unknown.next(before.at + 2 * SECOND, SECOND, Some(9 * SECOND));
        assert!(unknown.is_busy && known_again.is_busy);
    }

    #[test]
    fn rests_are_so_long_as_was_said() {
        let process = Process::new(std::process::id(), Budget::default());
        let word = 7_u64;
        let began = Instant::now();
        let memory = Leisurely::new(&process, Some(400), None);
        while memory.spent() < Duration::from_millis(4) {
            assert_eq!(memory.word((&raw const word).addr() as u64), Ok(7));
        }
        // Half of what it spent was work, less the stretch that it has not rested from.
        assert!(began.elapsed() > Duration::from_millis(2 + 4 * 2 - 2));
    }
}
