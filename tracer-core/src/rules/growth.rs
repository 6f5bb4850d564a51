//! Whether a quantity grows without end: what several rules ask of their numbers.

use super::threshold::Threshold;
use crate::ledger::series::Series;
use crate::ledger::trend::{Point, Trend};
use crate::report::{plural, signed_mib};

/// Of two dozen documented leaks the slowest grew by 0.3 MB a second.
pub(super) const SLOWEST_LEAK: Threshold = Threshold::new(0.29e6);
/// No more is asked for in a long look: a leak of 4 MiB that nothing bounds is one. And without a
/// collection a Go heap grows up to its least goal of 4 MiB, whatever the program does
/// (`runtime/mgcpacer.go`, `defaultHeapMinimum`).
const MOST_MATERIAL: Threshold = Threshold::new(4.0 * 1_048_576.0);
/// In this time the slowest leak gains 2.6 MB; the healthy twins of those leaks moved by up to 2 MB
/// in half a minute.
pub(crate) const MIN_SECONDS: Threshold = Threshold::new(9.0);
/// Readings that a confidence interval needs.
pub(super) const MIN_READINGS: Threshold = Threshold::new(5.0);
/// A second half that grows at less than this share of the first one's rate is about to level off:
/// a cache that fills with random keys is there when half of it is full.
const SLOWING: Threshold = Threshold::new(0.5);
/// Of a step that stays, this share lies in one interval between two readings.
const ONE_STEP: Threshold = Threshold::new(0.7);

/// What is more than a healthy program gains in so many seconds, and no more than the slowest leak
/// does.
pub(crate) fn material(seconds: f64) -> f64 {
    (SLOWEST_LEAK.get() * seconds).min(MOST_MATERIAL.get())
}

/// How a quantity moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Growth {
    /// Up, as fast at the end as at the beginning, and more than a healthy program does.
    Steady(Trend),
    /// Up, but slower towards the end, in one step, or with falls as large as the gain: it may stay, or
    /// come down.
    Unsteady(Trend),
    /// Up at first, and then it stayed: the second half by itself does not grow.
    Levelled(Trend),
    /// Not up, or not by an amount that matters, or all the time more slowly than leaks do.
    Flat(Trend),
    /// What was seen does not tell.
    TooEarly {
        /// Readings so far.
        readings: usize,
        /// Seconds from the first to the last.
        seconds: f64,
    },
}

impl Growth {
    /// Bytes over time.
    pub(super) fn of_bytes<T: Clone>(
        series: &Series<T>,
        bytes: impl Fn(&T) -> Option<u64>,
    ) -> Self {
        Self::of(series, bytes, material)
    }

    /// A count over time, of which fewer than `material` are no matter.
    pub(super) fn of_count<T: Clone>(
        series: &Series<T>,
        count: impl Fn(&T) -> Option<u64>,
        material: f64,
    ) -> Self {
        Self::of(series, count, |_| material)
    }

    fn of<T: Clone>(
        series: &Series<T>,
        value: impl Fn(&T) -> Option<u64>,
        material: impl Fn(f64) -> f64,
    ) -> Self {
        let points = series.iter().filter_map(|(seconds, reading)| {
            Some(Point {
                seconds,
                bytes: value(reading)?,
            })
        });
        Self::of_points(&points.collect::<Vec<Point>>(), material)
    }

    /// Points in the order of time; over so many seconds a gain matters that is not less than `material`.
    pub(super) fn of_points(points: &[Point], material: impl Fn(f64) -> f64) -> Self {
        let seconds = match (points.first(), points.last()) {
            (Some(first), Some(last)) => last.seconds - first.seconds,
            _ => 0.0,
        };
        let trend = Trend::of(points).filter(|_| are_enough(points));
        let (Some(trend), true) = (trend, seconds >= MIN_SECONDS.get()) else {
            return Self::TooEarly {
                readings: points.len(),
                seconds,
            };
        };
        let gained = trend.floor_rise.min(trend.growth()) as f64;
        let has_grown = gained >= material(seconds);
        if !has_grown {
            return Self::Flat(trend);
        }
        let slows = slows(points);
        if stayed(points, material(seconds / 2.0)) {
            return if slows {
                Self::Levelled(trend)
            } else {
                Self::Flat(trend)
            };
        }
        let falls = largest_fall(points) as f64 >= gained;
        let is_certain = trend.interval.0 > 0.0 && !falls && !is_one_step(points, &trend);
        if !is_certain || slows || stops(points) {
            Self::Unsteady(trend)
        } else {
            Self::Steady(trend)
        }
    }
}

/// Whether a confidence interval can rest on them.
fn are_enough(points: &[Point]) -> bool {
    points.len() as f64 >= MIN_READINGS.get()
}

/// Whether most of the rise came at once.
fn is_one_step(points: &[Point], trend: &Trend) -> bool {
    let rises = points
        .windows(2)
        .map(|pair| pair[1].bytes.saturating_sub(pair[0].bytes));
    let largest = rises.max().unwrap_or(0) as f64;
    largest > ONE_STEP.get() * trend.growth() as f64
}

/// By how much it fell at most from any reading to a later one: a batch that is done lets all go.
fn largest_fall(points: &[Point]) -> u64 {
    let mut peak = 0;
    let falls = points.iter().map(|point| {
        peak = peak.max(point.bytes);
        peak - point.bytes
    });
    falls.max().unwrap_or(0)
}

/// Whether the second half, long enough to tell, has gained less than what matters.
fn stayed(points: &[Point], material: f64) -> bool {
    let half = &points[points.len() / 2..];
    Trend::of(half).is_some_and(|trend| {
        are_enough(half) && trend.seconds >= MIN_SECONDS.get() && (trend.gain() as f64) < material
    })
}

/// Whether the second half of the time grows much slower than the first.
fn slows(points: &[Point]) -> bool {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return false;
    };
    // By time: as a heap grows, its collections become rare.
    let half = f64::midpoint(first.seconds, last.seconds);
    let until_half = points.partition_point(|point| point.seconds <= half);
    let middle = (until_half - 1).clamp(1, points.len() - 2);
    let rate = |half: &[Point]| {
        let (Some(first), Some(last)) = (half.first(), half.last()) else {
            return 0.0;
        };
        let seconds = last.seconds - first.seconds;
        let by_ends = (last.bytes as f64 - first.bytes as f64) / seconds.max(f64::MIN_POSITIVE);
        // With three points and more the median of slopes is not misled by one reading.
        Trend::of(half).map_or(by_ends, |trend| trend.slope)
    };
    let (early, late) = (rate(&points[..=middle]), rate(&points[middle..]));
    late < SLOWING.get() * early
}

/// Whether much less came in the last seconds, so many as it takes to tell, than ever before in as many.
fn stops(points: &[Point]) -> bool {
    let span = MIN_SECONDS.get();
    let Some(last) = points.last() else {
        return false;
    };
    // What was gained in the time up to a point, where all of it was watched.
    let gain = |at: &Point| {
        let later = points.partition_point(|point| point.seconds <= at.seconds - span);
        let before = points[..later].last()?;
        Some(at.bytes as f64 - before.bytes as f64)
    };
    let earlier = points
        .iter()
        .filter(|point| point.seconds <= last.seconds - span);
    let smallest = earlier.filter_map(gain).reduce(f64::min);
    gain(last)
        .zip(smallest)
        .is_some_and(|(late, early)| early > 0.0 && late < SLOWING.get() * early)
}

/// How something moved that does not grow: `moved by +1.0 MiB`, `fell by 20.0 MiB`.
pub(super) fn at_rest(trend: &Trend, has_levelled: bool) -> String {
    let by = signed_mib(trend.growth());
    match by.strip_prefix('-') {
        _ if has_levelled => format!("moved by {by} at first and then stayed"),
        Some(fallen) => format!("fell by {fallen}"),
        None => format!("moved by {by}"),
    }
}

/// How much longer to watch until there are enough readings, each a `what`, in words.
pub(super) fn how_much_longer(readings: usize, seconds: f64, what: &str) -> String {
    let missing = (MIN_READINGS.get() - readings as f64).max(0.0);
    let even = readings >= 2 && seconds > 0.0;
    let longer = even.then(|| missing * seconds / (readings - 1) as f64);
    too_early(readings, seconds, what, longer)
}

/// The same where the missing readings take so many seconds, if that is known.
pub(super) fn too_early(readings: usize, seconds: f64, what: &str, longer: Option<f64>) -> String {
    let (least, least_seconds) = (MIN_READINGS.get(), MIN_SECONDS.get());
    let is_missing = (readings as f64) < least;
    let by_time = least_seconds - seconds;
    let longer = if is_missing { longer } else { Some(0.0) };
    let longer = longer.map_or(String::new(), |seconds| {
        format!(", about {:.0} s more", seconds.max(by_time).max(1.0).ceil())
    });
    let seen = plural(readings as u64, what);
    if is_missing {
        format!("too early: {seen} seen, {least:.0} needed over {least_seconds:.0} s{longer}")
    } else {
        format!("too early: {seen} seen in {seconds:.0} s, {least_seconds:.0} s needed{longer}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Timestamp;

    const MIB: u64 = 1 << 20;

    /// Tells the movement of readings in MiB, one every two seconds.
    #[track_caller]
    fn check(readings: &[u64], expected: &str) {
        let mut series: Series<u64> = Series::default();
        for (index, reading) in readings.iter().enumerate() {
            series.add(Timestamp(index as u64 * 2_000_000_000), &(reading * MIB));
        }
        let found = match Growth::of_bytes(&series, |bytes| Some(*bytes)) {
            Growth::Steady(_) => "steady",
            Growth::Unsteady(_) => "unsteady",
            Growth::Levelled(_) => "levelled",
            Growth::Flat(_) => "flat",
            Growth::TooEarly { .. } => "too early",
        };
        assert_eq!(found, expected, "{readings:?}");
    }

    #[test]
    fn movements() {
        check(&[10, 20, 30, 40, 50, 60, 70, 80], "steady");
        check(&[10, 18, 33, 38, 52, 61, 67, 82], "steady");
        check(&[50, 50, 50, 50, 50, 50, 50, 50], "flat");
        check(&[50, 52, 49, 51, 50, 52, 49, 51], "flat");
        check(&[80, 70, 60, 50, 40, 30, 20, 10], "flat");
        // A cache that fills, and one that is full.
        check(
            &[10, 30, 50, 70, 80, 80, 80, 80, 80, 80, 80, 80],
            "levelled",
        );
        check(&[10, 40, 60, 70, 75, 78, 79, 80], "unsteady");
        // A ring that is full after nine tenths of the time.
        let ring: Vec<u64> = (1..=30).map(|reading| 10 * reading.min(25)).collect();
        check(&ring, "unsteady");
        // Bursts, of which the next one is due.
        let bursts: Vec<u64> = (0..30).map(|reading| 10 * (reading / 8)).collect();
        check(&bursts, "steady");
        // So slow that the second half by itself is no matter.
        check(
            &(10..17)
                .flat_map(|reading| [reading; 3])
                .collect::<Vec<_>>(),
            "flat",
        );
        // One load that stays.
        check(&[10, 10, 10, 10, 90, 90, 90, 90], "unsteady");
        check(&[10, 11, 12, 13, 90, 91, 92, 93], "unsteady");
        // Doubling slices leak in stairs that grow.
        check(&[10, 10, 20, 20, 40, 40, 80, 80], "steady");
        // A spike that comes back, and batch work.
        check(&[10, 10, 90, 90, 10, 10, 10, 10], "flat");
        check(&[10, 40, 10, 40, 10, 40, 10, 40], "flat");
        // Two batches and a half; and a leak beside batches.
        let batches = [9, 14, 22, 35, 5, 8, 13, 20, 31, 49, 27, 43];
        check(&batches, "unsteady");
        let beside: Vec<u64> = (0..30)
            .map(|reading| 8 * reading + 10 * (reading % 5))
            .collect();
        check(&beside, "steady");
    }

    #[test]
    fn too_little_to_tell() {
        check(&[], "too early");
        check(&[10, 20, 30, 40], "too early");
        assert_eq!(
            how_much_longer(3, 10.0, "collection"),
            "too early: 3 collections seen, 5 needed over 9 s, about 10 s more"
        );
        assert_eq!(
            how_much_longer(6, 5.0, "sample"),
            "too early: 6 samples seen in 5 s, 9 s needed, about 4 s more"
        );
        assert_eq!(
            how_much_longer(1, 0.0, "collection"),
            "too early: 1 collection seen, 5 needed over 9 s"
        );
    }
}
