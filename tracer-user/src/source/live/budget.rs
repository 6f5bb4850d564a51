//! What probes in the target may cost it.

use std::time::{Duration, Instant};

/// Hits that are enough.
const MAX_HITS: u64 = 200_000;
/// How long a watch lasts that costs something.
const MAX_TIME: Duration = Duration::from_secs(20);
/// Hits in a second that cost nothing to speak of: 15 us each on a virtual machine, which takes
/// 1.5 % of a processor, and a fiftieth of that on bare metal.
const CHEAP_RATE: u64 = 1000;

/// What a watch has cost so far.
pub(super) struct Budget {
    since: Instant,
    hits: u64,
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

    /// Why the watch, of so many `hits` as they are called, has cost enough.
    pub(super) fn spent(&self, hits: &str) -> Option<String> {
        let (count, watched) = (self.hits, self.since.elapsed());
        let cheap = count <= CHEAP_RATE * watched.as_secs().max(1);
        if count >= MAX_HITS {
            Some(format!("{count} {hits} are enough"))
        } else if watched >= MAX_TIME && !cheap {
            let seconds = watched.as_secs();
            Some(format!("{count} {hits} in {seconds} s are enough"))
        } else {
            None
        }
    }
}
