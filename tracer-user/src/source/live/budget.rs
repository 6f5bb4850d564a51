//! What probes in the target may cost it.

use std::time::{Duration, Instant};

/// Hits that are enough.
const MAX_HITS: u64 = 200_000;
/// How long a watch lasts that costs something.
const MAX_TIME: Duration = Duration::from_secs(20);
/// Hits in a second that cost nothing to speak of: 15 us each on a virtual machine, which takes
/// 1.5 % of a processor, and a fiftieth of that on bare metal.
const CHEAP_RATE: u64 = 1000;
/// Hits that are not asked for their worth: 30 ms of a processor on a virtual machine.
const FREE_HITS: u64 = 2000;
/// A watch that something keeps growing for may begin so often in all.
const MAX_BEGINS: u32 = 4;

/// What a watch has cost so far.
pub(super) struct Budget {
    since: Instant,
    hits: u64,
}

/// Why a watch has cost enough.
pub(super) struct Spent {
    pub(super) reason: String,
    /// It cost more than a first look is worth, and may begin again when something keeps growing.
    pub(super) until_growth: bool,
}

/// How often a watch has begun.
#[derive(Default)]
pub(super) struct Begins(u32);

impl Begins {
    /// One more; whether that is not too often.
    pub(super) fn again(&mut self) -> bool {
        self.0 += 1;
        self.0 <= MAX_BEGINS
    }
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            since: Instant::now(),
            hits: 0,
        }
    }

    /// Probes were hit.
    pub(super) fn hit(&mut self, times: u64) {
        self.hits += times;
    }

    /// How often they were hit.
    pub(super) fn hits(&self) -> u64 {
        self.hits
    }

    /// Why the watch, of so many `hits` as they are called, has cost enough. It may cost more where it
    /// is `worthwhile`: something keeps growing, or the user wants it.
    pub(super) fn spent(&self, hits: &str, worthwhile: bool) -> Option<Spent> {
        let (count, watched) = (self.hits, self.since.elapsed());
        let is_cheap = |free: u64| count <= free + CHEAP_RATE * watched.as_secs();
        let seconds = watched.as_secs_f64();
        let (reason, until_growth) = if count >= MAX_HITS {
            (format!("{count} {hits} are enough"), false)
        } else if watched >= MAX_TIME && !is_cheap(0) {
            (
                format!("{count} {hits} in {seconds:.0} s are enough"),
                false,
            )
        } else if !worthwhile && !is_cheap(FREE_HITS) {
            let reason =
                format!("{count} {hits} in {seconds:.1} s slow it down, and nothing keeps growing");
            (reason, true)
        } else {
            return None;
        };
        Some(Spent {
            reason,
            until_growth,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: u64, hits: u64, worthwhile: bool, expected: Option<(&str, bool)>) {
        let since = Instant::now().checked_sub(Duration::from_secs(seconds));
        let since = since.expect("a machine that runs for so long");
        let spent = Budget { since, hits }.spent("creations", worthwhile);
        let told = spent
            .as_ref()
            .map(|spent| (&*spent.reason, spent.until_growth));
        assert_eq!(told, expected);
    }

    #[test]
    fn what_is_enough() {
        check(0, 0, true, None);
        check(5, 199_999, true, None);
        let enough = ("200000 creations are enough", false);
        check(5, 200_000, true, Some(enough));
        // As long as it is cheap.
        check(30, 30_000, true, None);
        let enough = ("31001 creations in 30 s are enough", false);
        check(30, 31_001, true, Some(enough));
    }

    #[test]
    fn a_first_look_is_cheap() {
        check(0, 2000, false, None);
        check(5, 7000, false, None);
        let reason = "7001 creations in 5.0 s slow it down, and nothing keeps growing";
        check(5, 7001, false, Some((reason, true)));
        check(30, 30_000, false, None);
    }
}
