//! `/proc/stat`: how long the processors had nothing to do.

use std::io;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;
use rustix::thread::{CpuSet, sched_getaffinity};

use super::fields::{lines, number, words};
use super::read_capped;

/// A line for each processor, and one of a few characters for each interrupt.
const CAP: u64 = 1 << 20;

/// Since boot, all processors together that this thread may run on.
///
/// # Errors
/// When the file cannot be read, or tells nothing of these processors.
pub(crate) fn idle() -> io::Result<Duration> {
    let allowed = sched_getaffinity(None)?;
    let ticks = idle_ticks(&read_capped("/proc/stat", CAP)?, &allowed)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/stat is incomplete"))?;
    let nanoseconds = u128::from(ticks) * 1_000_000_000 / u128::from(clock_ticks_per_second());
    Ok(Duration::from_nanos(nanoseconds as u64))
}

/// The kernel's clock ticks; `None` when no processor is allowed and told.
fn idle_ticks(text: &[u8], allowed: &CpuSet) -> Option<u64> {
    let of_processors = lines(text).filter_map(|line| {
        let mut words = words(line.strip_prefix(b"cpu")?);
        let processor = number(words.next()?)? as usize;
        if processor >= CpuSet::MAX_CPU || !allowed.is_set(processor) {
            return None;
        }
        // After user, nice and system: idle, then idle while something is waited for from a disk.
        let mut times = words.skip(3).map(number);
        times.next()??.checked_add(times.next()??)
    });
    of_processors.reduce(u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &[u8] = b"cpu  30 0 30 300 30 0 0 0 0 0\ncpu0 10 0 10 100 10 0 0 0 0 0\ncpu1 20 0 20 200 20 0 0 0 0 0\nintr 5 0\n";

    fn set(processors: &[usize]) -> CpuSet {
        let mut set = CpuSet::new();
        for processor in processors {
            set.set(*processor);
        }
        set
    }

    #[test]
    fn the_processors_of_a_thread_are_added_up() {
        assert_eq!(idle_ticks(STAT, &set(&[0, 1])), Some(330));
        assert_eq!(idle_ticks(STAT, &set(&[1, 7])), Some(220));
    }

    #[test]
    fn what_is_not_told_is_not_zero() {
        assert_eq!(idle_ticks(STAT, &set(&[2])), None);
        assert_eq!(idle_ticks(b"", &set(&[0])), None);
        assert_eq!(idle_ticks(b"cpu0 1 2 3\n", &set(&[0])), None);
        assert_eq!(idle_ticks(b"cpu99999999 1 2 3 4 5\n", &set(&[0])), None);
    }

    #[test]
    fn processors_of_this_machine_are_idle_at_times() -> io::Result<()> {
        let before = idle()?;
        assert!(idle()? >= before);
        Ok(())
    }
}
