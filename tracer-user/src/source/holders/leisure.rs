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

use super::{Pace, swapped::Swapped};
use crate::go::runtime::{Memory, Part, Process, Unreadable};
use crate::proc::processors;

/// Rest in percent of the time worked, while a processor is free.
const FREE: u32 = 100;

/// The same while others need them all: a twentieth of one is taken from them.
const BUSY: u32 = 1900;

/// The longest rest: what was done at one go, as a file that is read through, is no debt for seconds.
const LONGEST: Duration = Duration::from_millis(50);

/// How long a search may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The same while others need the processors: what it takes from them is less by more.
pub(super) const LIMIT_IF_BUSY: Duration = Duration::from_mins(1);

/// A processor is free if others leave so much of one, in percent.
const LEFT: u32 = 75;

/// Work between two rests: who waits for it waits so long.
const STRETCH: Duration = Duration::from_micros(200);

/// Before the first read it is looked for so long.
const FIRST_LOOK: Duration = Duration::from_millis(100);

/// Between two looks at how busy the processors are, which are told in hundredths of a second.
const LOOK: Duration = Duration::from_millis(200);

/// A process that this thread reads at leisure.
pub(super) struct Leisurely<'p> {
    process: &'p Process,
    swapped: Option<&'p Swapped>,
    pace: Pace,
    /// Nobody waits for it any more.
    is_over: &'p dyn Fn() -> bool,
    began: Instant,
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
    /// To be read at this pace until it `is_over`.
    pub(super) fn new(
        process: &'p Process,
        pace: Pace,
        is_over: &'p dyn Fn() -> bool,
        swapped: Option<&'p Swapped>,
    ) -> Self {
        let began = Instant::now();
        let mut load = Load::now();
        if pace.rest.is_none() {
            sleep(FIRST_LOOK);
            load = load.next(Load::now());
        }
        Self {
            process,
            swapped,
            pace,
            is_over,
            began,
            first: load.worked,
            last: Cell::new(load.worked),
            load: Cell::new(load),
        }
    }

    /// Whether to go on.
    pub(super) fn has_time(&self) -> bool {
        let elapsed = self.began.elapsed();
        let is_in_time = match (self.pace.limit, self.pace.rest) {
            (Some(limit), _) => elapsed < limit,
            (None, Some(_)) => elapsed < LIMIT,
            // With rests as they are while a processor is free.
            (None, None) => {
                let worked = processor_time().saturating_sub(self.first);
                elapsed < LIMIT_IF_BUSY && worked * (100 + FREE) / 100 < LIMIT
            }
        };
        is_in_time && !(self.is_over)()
    }

    fn rest_if_due(&self) {
        let now = processor_time();
        let rest = self.rest_after(now.saturating_sub(self.last.get()));
        if !rest.is_zero() {
            sleep(rest);
            self.last.set(now);
        }
    }

    fn rest_after(&self, worked: Duration) -> Duration {
        // What remains to be done when the time is up is done at once.
        if worked < STRETCH || !self.has_time() {
            return Duration::ZERO;
        }
        let rest = self.pace.rest.unwrap_or_else(|| self.rest_of_load());
        (worked * rest / 100).min(LONGEST)
    }

    fn rest_of_load(&self) -> u32 {
        let mut load = self.load.get();
        if load.at.elapsed() >= LOOK {
            load = load.next(Load::now());
            self.load.set(load);
        }
        if load.is_busy { BUSY } else { FREE }
    }
}

impl Load {
    /// To be compared with another.
    fn now() -> Self {
        Self {
            at: Instant::now(),
            worked: processor_time(),
            idle: processors::idle().ok(),
            is_busy: true,
        }
    }

    fn next(self, now: Self) -> Self {
        let own = now.worked.saturating_sub(self.worked);
        // What this thread took was left over by others, too.
        let left = now
            .idle
            .zip(self.idle)
            .map(|(idle, before)| idle.saturating_sub(before) + own);
        let wanted = now.at.saturating_duration_since(self.at) * LEFT / 100;
        Self {
            is_busy: left.is_none_or(|left| left < wanted),
            ..now
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
            let idle = Some(SECOND + Duration::from_millis(idle_ms));
            let now = Load {
                at: after,
                worked,
                idle,
                is_busy: true,
            };
            before.next(now).is_busy
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
        let unknown = before.next(Load {
            at: before.at + SECOND,
            idle: None,
            ..before
        });
        let known_again = unknown.next(Load {
            at: before.at + 2 * SECOND,
            idle: Some(9 * SECOND),
            ..before
        });
        assert!(unknown.is_busy && known_again.is_busy);
    }

    #[track_caller]
    fn check_rest(limit: Option<Duration>, is_over: bool, worked_us: u64, rest_us: u64) {
        let process = Process::new(std::process::id(), Budget::default());
        let pace = Pace {
            rest: Some(400),
            limit,
        };
        let is_over = || is_over;
        let memory = Leisurely::new(&process, pace, &is_over, None);
        let worked = Duration::from_micros(worked_us);
        assert_eq!(memory.rest_after(worked), Duration::from_micros(rest_us));
    }

    #[test]
    fn rests_are_so_long_as_was_said() {
        check_rest(None, false, 199, 0);
        check_rest(None, false, 300, 1200);
        check_rest(None, false, 1_000_000, 50_000);
    }

    #[test]
    fn who_is_out_of_time_or_not_waited_for_does_not_rest() {
        check_rest(None, true, 300, 0);
        check_rest(Some(Duration::ZERO), false, 300, 0);
        check_rest(Some(Duration::MAX), false, 300, 1200);
    }
}
