//! Time in which nothing could be seen to move: nobody looked, or the process stood still.

use crate::event::Timestamp;

/// A look is due every second. After so long, in nanoseconds, nobody has looked: the recording stood
/// still, or the clock jumped.
const MOST_BETWEEN_LOOKS: u64 = 10_000_000_000;

/// How much of the time was unseen.
#[derive(Clone, Debug, Default)]
pub struct StandstillLedger {
    last_look: Option<Timestamp>,
    unwatched_ns: u64,
    went_back: bool,
    paused_since: Option<Timestamp>,
    paused_ns: u64,
}

impl StandstillLedger {
    /// Somebody looked.
    pub fn look(&mut self, at: Timestamp) {
        self.unwatched_ns = self.unwatched_until(at);
        let before = self.last_look.replace(at);
        self.went_back |= before.is_some_and(|before| at < before);
    }

    /// The process stands still, or runs again.
    pub fn pause(&mut self, at: Timestamp, paused: bool) {
        if paused {
            self.paused_since.get_or_insert(at);
        } else {
            self.paused_ns = self.paused_until(at);
            self.paused_since = None;
        }
    }

    /// Counts anew from a moment on. Who stands still goes on to.
    pub fn restart(&mut self, at: Timestamp) {
        *self = Self {
            last_look: self.last_look.map(|_| at),
            paused_since: self.paused_since.map(|_| at),
            ..Self::default()
        };
    }

    /// The clock went back between two looks.
    #[must_use]
    pub fn went_back(&self) -> bool {
        self.went_back
    }

    /// Seconds up to a moment in which nobody looked.
    #[must_use]
    pub fn unwatched(&self, now: Timestamp) -> f64 {
        self.unwatched_until(now) as f64 / 1e9
    }

    /// Seconds up to a moment in which the process stood still.
    #[must_use]
    pub fn paused(&self, now: Timestamp) -> f64 {
        self.paused_until(now) as f64 / 1e9
    }

    fn unwatched_until(&self, now: Timestamp) -> u64 {
        let gap = since(self.last_look, now);
        let counted = if gap > MOST_BETWEEN_LOOKS { gap } else { 0 };
        self.unwatched_ns.saturating_add(counted)
    }

    fn paused_until(&self, now: Timestamp) -> u64 {
        self.paused_ns.saturating_add(since(self.paused_since, now))
    }
}

/// Nanoseconds from a moment, if there was one, to a later one.
fn since(then: Option<Timestamp>, now: Timestamp) -> u64 {
    then.map_or(0, |then| now.0.saturating_sub(then.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: u64) -> Timestamp {
        Timestamp(second * 1_000_000_000)
    }

    /// Looks at these seconds; how many of them were unwatched up to the last second given.
    #[track_caller]
    fn check(looks: &[u64], until: u64, unwatched: f64, went_back: bool) {
        let mut ledger = StandstillLedger::default();
        for look in looks {
            ledger.look(second(*look));
        }
        let found = (ledger.unwatched(second(until)), ledger.went_back());
        assert_eq!(found, (unwatched, went_back), "{looks:?}");
    }

    #[test]
    fn gaps_between_looks() {
        check(&[], 100, 0.0, false);
        check(&[1, 2, 3, 13], 14, 0.0, false);
        check(&[1, 2, 14, 15], 16, 12.0, false);
        check(&[1, 2, 3], 33, 30.0, false);
        check(&[1, 3602, 3603], 3604, 3601.0, false);
        check(&[3600, 3601, 1, 2], 3, 0.0, true);
    }

    #[test]
    fn pauses() {
        let mut ledger = StandstillLedger::default();
        ledger.pause(second(3), true);
        ledger.pause(second(4), true);
        ledger.pause(second(8), false);
        ledger.pause(second(9), false);
        assert_eq!(ledger.paused(second(20)) as u64, 5);
        ledger.pause(second(30), true);
        assert_eq!(ledger.paused(second(40)) as u64, 15);
        ledger.restart(second(40));
        assert_eq!(ledger.paused(second(42)) as u64, 2);
    }
}
