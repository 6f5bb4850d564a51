//! What moves with the number of open sockets: memory and goroutines.

use std::collections::BTreeSet;

use super::series::Series;
use super::trend::{Point, theil_sen, thinned};
use crate::event::Timestamp;

/// Fewer readings say nothing.
const MIN_READINGS: usize = 5;
/// One step of the number of sockets comes with whatever happened at that moment.
const MIN_LEVELS: usize = 3;
/// The number of sockets must have moved by so much at least …
const MIN_SPAN: u64 = 8;
/// … and by this part of the highest number, or what else moves drowns it.
const MIN_PART: u64 = 10;

/// Readings next to the number of sockets that were open then.
#[derive(Clone, Debug, Default)]
pub struct PerSocketLedger {
    rss: Series<Reading>,
    live: Series<Reading>,
    goroutines: Series<Reading>,
    gc_cycle: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    sockets: u64,
    value: u64,
}

/// How much more there is for each socket more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerSocket {
    /// Median of the slopes between all pairs of readings (Theil-Sen).
    pub value: f64,
    /// The slope lies in this interval with 95 % confidence.
    pub interval: (f64, f64),
    /// Readings it rests on.
    pub readings: usize,
    /// Fewest and most sockets that were open.
    pub sockets: (u64, u64),
}

impl PerSocketLedger {
    /// Resident bytes.
    pub fn add_rss(&mut self, at: Timestamp, sockets: u64, value: u64) {
        self.rss.add(at, &Reading { sockets, value });
    }

    /// Bytes that the last garbage collection found reachable. Without a new one there is no news,
    /// and the first one ended before anybody looked.
    pub fn add_live(&mut self, at: Timestamp, sockets: u64, gc_cycle: u64, value: u64) {
        let before = self.gc_cycle.replace(gc_cycle);
        if before.is_some_and(|before| before < gc_cycle) {
            self.live.add(at, &Reading { sockets, value });
        }
    }

    /// Goroutines.
    pub fn add_goroutines(&mut self, at: Timestamp, sockets: u64, value: u64) {
        self.goroutines.add(at, &Reading { sockets, value });
    }

    /// Resident bytes for each open socket.
    #[must_use]
    pub fn rss(&self) -> Option<PerSocket> {
        fit_series(&self.rss)
    }

    /// Bytes of live heap for each open socket.
    #[must_use]
    pub fn live(&self) -> Option<PerSocket> {
        fit_series(&self.live)
    }

    /// Goroutines for each open socket.
    #[must_use]
    pub fn goroutines(&self) -> Option<PerSocket> {
        fit_series(&self.goroutines)
    }
}

fn fit_series(series: &Series<Reading>) -> Option<PerSocket> {
    fit(series
        .iter()
        .map(|(_, reading)| (reading.sockets, reading.value)))
}

/// How much more there is for each socket more, from numbers of sockets and what there was then. `None`
/// when there is too little, or the number of sockets has moved too little.
pub fn fit(readings: impl Iterator<Item = (u64, u64)>) -> Option<PerSocket> {
    let mut points: Vec<Point> = readings
        .map(|(sockets, value)| Point {
            seconds: sockets as f64,
            bytes: value,
        })
        .collect();
    let levels: BTreeSet<u64> = points.iter().map(|point| point.seconds as u64).collect();
    let (fewest, most) = (*levels.first()?, *levels.last()?);
    if points.len() < MIN_READINGS
        || levels.len() < MIN_LEVELS
        || most - fewest < MIN_SPAN.max(most / MIN_PART)
    {
        return None;
    }
    // By sockets instead of by time.
    points.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let (value, interval) = theil_sen(&thinned(&points));
    Some(PerSocket {
        value,
        interval,
        readings: points.len(),
        sockets: (fewest, most),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn ledger(readings: &[(u64, u64)]) -> PerSocketLedger {
        let mut ledger = PerSocketLedger::default();
        for (second, (sockets, value)) in readings.iter().enumerate() {
            ledger.add_rss(Timestamp(second as u64), *sockets, *value);
        }
        ledger
    }

    #[track_caller]
    fn check(readings: &[(u64, u64)], expected: Option<f64>) {
        let found = ledger(readings).rss();
        assert_eq!(found.map(|fit| fit.value), expected);
        if let Some(fit) = found {
            assert!(fit.interval.0 <= fit.value && fit.value <= fit.interval.1);
        }
    }

    #[test]
    fn bytes_for_each_socket() {
        check(
            &[(0, 1000), (10, 1300), (20, 1600), (30, 1900), (40, 2200)],
            Some(30.0),
        );
        // Sockets that go and come again, and a spike of something else.
        check(
            &[
                (40, 2200),
                (0, 1000),
                (30, 1900),
                (10, 1300),
                (20, 9000),
                (20, 1600),
            ],
            Some(30.0),
        );
        // Memory that stays when sockets go.
        check(
            &[(40, 500), (30, 500), (20, 500), (10, 500), (0, 500)],
            Some(0.0),
        );
    }

    #[test]
    fn too_little_to_tell() {
        check(&[], None);
        check(&[(0, 0), (10, 10), (20, 20), (30, 30)], None);
        check(&[(5, 10), (5, 20), (5, 30), (5, 40), (5, 50)], None);
        check(
            &[(1000, 1), (1020, 2), (1040, 3), (1060, 4), (1080, 5)],
            None,
        );
    }

    #[test]
    fn live_heap_is_news_after_a_collection_only() {
        let mut ledger = PerSocketLedger::default();
        for (second, cycle) in [7, 7, 8, 8, 9, 10, 11, 12].into_iter().enumerate() {
            let sockets = cycle * 10;
            ledger.add_live(Timestamp(second as u64), sockets, cycle, sockets * 50);
        }
        let fit = ledger.live().unwrap();
        assert_eq!((fit.readings, fit.value, fit.sockets), (5, 50.0, (80, 120)));
    }
}
