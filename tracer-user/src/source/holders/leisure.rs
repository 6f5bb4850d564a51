//! Searches in the time that others leave over, and holds nobody up meanwhile.
//!
//! ```text
//! read the next piece (SCHED_OTHER) ─▶ look through it (SCHED_IDLE) ─▶ rest ─▶ …
//! ```
//!
//! While a process is read, the kernel locks the list of its mappings. Whoever is put off there for
//! others makes each `mmap` of that process wait as long: on a busy processor 1.4 s were seen.

use std::borrow::Cow;
use std::cell::Cell;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::swapped::Swapped;
use crate::go::runtime::{Memory, Part, Process, Unreadable};

/// One part of so many of all processors' time is taken even where nothing is left over.
const SHARE: u32 = 50;

/// A process that this thread reads at leisure.
pub(super) struct Leisurely<'p> {
    process: &'p Process,
    swapped: Option<&'p Swapped>,
    /// Rest, in percent of processor time.
    rest: u32,
    began: Instant,
    /// Processor time of this thread at the beginning, and at the end of the last rest.
    first: Duration,
    last: Cell<Duration>,
    processors: u32,
    can_idle: bool,
    is_idle: Cell<bool>,
}

impl<'p> Leisurely<'p> {
    /// To be read with a rest of so many percent; without one it takes the time that it needs.
    pub(super) fn new(process: &'p Process, rest: u32, swapped: Option<&'p Swapped>) -> Self {
        let now = processor_time();
        Self {
            process,
            swapped,
            rest,
            began: Instant::now(),
            first: now,
            last: Cell::new(now),
            processors: thread::available_parallelism().map_or(1, |count| count.get() as u32),
            can_idle: rest > 0 && can_idle(),
            is_idle: Cell::new(false),
        }
    }

    /// Rests from the processor time that was used since the last rest: who had to wait has rested.
    pub(super) fn rest(&self) {
        let used = processor_time();
        sleep(used.saturating_sub(self.last.get()) * self.rest / 100);
        self.last.set(used);
        self.set_idle(!self.is_late());
    }

    /// Whether less was left over than is taken.
    fn is_late(&self) -> bool {
        self.taken() * SHARE < self.began.elapsed() * self.processors
    }

    /// Whether others left it less than half of the time that it works and rests in.
    pub(super) fn mostly_waits(&self) -> bool {
        let wanted = self.taken() * (100 + self.rest) / 100;
        wanted < self.began.elapsed() / 2
    }

    fn taken(&self) -> Duration {
        processor_time().saturating_sub(self.first)
    }

    fn set_idle(&self, idle: bool) {
        if self.can_idle && self.is_idle.get() != idle && set_scheduler(idle) {
            self.is_idle.set(idle);
        }
    }

    fn at_once<T>(&self, idle: bool, read: impl FnOnce(&Process) -> T) -> T {
        self.set_idle(false);
        let result = read(self.process);
        self.set_idle(idle && !self.is_late());
        result
    }
}

impl Drop for Leisurely<'_> {
    fn drop(&mut self) {
        self.set_idle(false);
    }
}

impl Memory for Leisurely<'_> {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        let idle = self.is_idle.get();
        self.at_once(idle, |process| process.read(address, into))
    }

    fn in_memory<'a>(&self, parts: &'a [Part]) -> Cow<'a, [Part]> {
        match self.swapped {
            Some(swapped) => Cow::Owned(swapped.leave_out(parts)),
            None => Cow::Borrowed(parts),
        }
    }

    /// Begins to idle: a look through much follows, with reads in between. On a busy processor what
    /// goes on without reads would take for ever.
    fn read_many(&self, parts: &[Part], into: &mut [u8]) -> usize {
        self.at_once(true, |process| process.read_many(parts, into))
    }
}

/// Whether a thread may come back from idling, which takes `CAP_SYS_NICE` or a limit for it
/// (`RLIMIT_NICE`). Tried on one that ends: else it would idle for ever.
fn can_idle() -> bool {
    let tried = thread::Builder::new().spawn(|| set_scheduler(true) && set_scheduler(false));
    is_ordinary() && tried.is_ok_and(|thread| thread.join().unwrap_or(false))
}

fn is_ordinary() -> bool {
    // SAFETY: it asks about this thread, and changes nothing.
    unsafe { libc::sched_getscheduler(0) == libc::SCHED_OTHER }
}

fn set_scheduler(idle: bool) -> bool {
    let policy = if idle {
        libc::SCHED_IDLE
    } else {
        libc::SCHED_OTHER
    };
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the parameters outlive the call, which changes when this thread runs and nothing else.
    unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) == 0 }
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::go::runtime::Budget;

    #[test]
    fn a_thread_idles_between_reads_and_is_ordinary_afterwards() {
        let process = Process::new(std::process::id(), Budget::default());
        let word = 7_u64;
        for rest in [0, 100] {
            let mut memory = Leisurely::new(&process, rest, None);
            assert!(is_ordinary(), "before the first rest");
            // However busy the machine is, it is not late.
            memory.processors = 0;
            memory.rest();
            assert_eq!(!is_ordinary(), memory.can_idle);
            assert_eq!(memory.word((&raw const word).addr() as u64), Ok(7));
            assert_eq!(!is_ordinary(), memory.can_idle);
            assert!(rest > 0 || !memory.can_idle);
            drop(memory);
            assert!(is_ordinary(), "after the search");
        }
    }

    #[test]
    fn who_gets_less_than_its_share_does_not_idle() {
        let process = Process::new(std::process::id(), Budget::default());
        let memory = Leisurely::new(&process, 100, None);
        sleep(Duration::from_millis(50));
        memory.rest();
        assert!(is_ordinary());
        assert!(memory.mostly_waits());
    }

    #[test]
    fn a_thread_that_works_and_rests_does_not_wait() {
        let process = Process::new(std::process::id(), Budget::default());
        let memory = Leisurely::new(&process, 100_000, None);
        while memory.taken() < Duration::from_millis(2) {
            std::hint::spin_loop();
        }
        assert!(!memory.mostly_waits());
    }
}
