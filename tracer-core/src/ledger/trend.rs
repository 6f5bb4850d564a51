//! How a quantity moves over time, told robustly.

/// Pairwise slopes cost the square of this; more points are thinned out evenly first.
const MAX_POINTS: usize = 128;
/// Two-sided 95 % of the normal distribution.
const Z_95: f64 = 1.96;

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Seconds since the first measurement.
    pub seconds: f64,
    /// What was measured.
    pub bytes: u64,
}

/// How the bytes moved between the first and the last point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// Number of measurements.
    pub samples: usize,
    /// Seconds from the first to the last.
    pub seconds: f64,
    /// First measurement.
    pub first: u64,
    /// Last measurement.
    pub last: u64,
    /// Median of the slopes between all pairs of points (Theil-Sen), bytes a second.
    pub slope: f64,
    /// The slope lies in this interval with 95 % confidence (Sen 1968).
    pub interval: (f64, f64),
    /// Lowest of the last third minus lowest of the first third: teeth cancel out.
    pub floor_rise: i64,
    /// Last minus highest of the first two thirds: above 0 where it ends on a new peak.
    pub peak_rise: i64,
}

impl Trend {
    /// The trend of points in time order; `None` with fewer than three, or at one instant.
    #[must_use]
    pub fn of(points: &[Point]) -> Option<Self> {
        let (first, last) = (points.first()?, points.last()?);
        let seconds = last.seconds - first.seconds;
        if points.len() < 3 || seconds <= 0.0 {
            return None;
        }
        let third = points.len() / 3;
        let lowest = |part: &[Point]| part.iter().map(|point| point.bytes).min().unwrap_or(0);
        let early = lowest(&points[..third]);
        let late = lowest(&points[points.len() - third..]);
        let peak = points[..points.len() - third]
            .iter()
            .map(|point| point.bytes)
            .max();
        let (slope, interval) = theil_sen(&thinned(points));
        Some(Self {
            samples: points.len(),
            seconds,
            first: first.bytes,
            last: last.bytes,
            slope,
            interval,
            floor_rise: difference(late, early),
            peak_rise: difference(last.bytes, peak.unwrap_or(last.bytes)),
        })
    }

    /// Last minus first.
    #[must_use]
    pub fn growth(&self) -> i64 {
        difference(self.last, self.first)
    }

    /// The most that was gained in the window by any of three readings: a step has no
    /// slope, a climb raises the floor too little, a step at the end raises no floor.
    #[must_use]
    pub fn gain(&self) -> i64 {
        let by_slope = (self.slope * self.seconds) as i64;
        by_slope.max(self.floor_rise).max(self.peak_rise)
    }
}

/// `a - b`, at the bounds of the type where it does not fit.
#[must_use]
pub fn difference(a: u64, b: u64) -> i64 {
    if a >= b {
        i64::try_from(a - b).unwrap_or(i64::MAX)
    } else {
        i64::try_from(b - a).map_or(i64::MIN, |bytes| -bytes)
    }
}

pub(super) fn thinned(points: &[Point]) -> Vec<Point> {
    let last = points.len() - 1;
    let kept = points.len().min(MAX_POINTS);
    (0..kept)
        .map(|index| points[index * last / (kept - 1).max(1)])
        .collect()
}

pub(super) fn theil_sen(points: &[Point]) -> (f64, (f64, f64)) {
    let mut slopes: Vec<f64> = Vec::with_capacity(points.len() * points.len() / 2);
    for (index, early) in points.iter().enumerate() {
        for late in &points[index + 1..] {
            let seconds = late.seconds - early.seconds;
            if seconds > 0.0 {
                slopes.push((late.bytes as f64 - early.bytes as f64) / seconds);
            }
        }
    }
    slopes.sort_by(f64::total_cmp);
    let Some(&lowest) = slopes.first() else {
        return (0.0, (0.0, 0.0));
    };
    let highest = slopes.last().copied().unwrap_or(lowest);
    let middle = slopes.len() / 2;
    let median = if slopes.len().is_multiple_of(2) {
        f64::midpoint(slopes[middle - 1], slopes[middle])
    } else {
        slopes[middle]
    };
    let n = points.len() as f64;
    let spread = Z_95 * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    let low = ((slopes.len() as f64 - spread) / 2.0).floor();
    // Too few points for the confidence asked: all slopes seen are the interval.
    let interval = if low < 0.0 {
        (lowest, highest)
    } else {
        (
            slopes[low as usize],
            slopes[slopes.len() - 1 - low as usize],
        )
    };
    (median, interval)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn points(bytes: &[u64]) -> Vec<Point> {
        let times = (0..).map(f64::from);
        times
            .zip(bytes)
            .map(|(seconds, &bytes)| Point { seconds, bytes })
            .collect()
    }

    #[track_caller]
    fn check(bytes: &[u64], slope: f64, gain: i64) {
        let trend = Trend::of(&points(bytes)).unwrap();
        assert!((trend.slope - slope).abs() < 1e-9, "slope {}", trend.slope);
        assert_eq!(trend.gain(), gain);
        assert!(trend.interval.0 <= trend.slope && trend.slope <= trend.interval.1);
    }

    #[test]
    fn trends() {
        check(&[5, 5, 5], 0.0, 0);
        check(&[0, 10, 20, 30, 40, 50, 60, 70, 80], 10.0, 80);
        // One spike moves nothing.
        check(&[10, 10, 10, 900, 10, 10, 10, 10, 10], 0.0, 0);
        // A step that stays has no slope but raises the floor.
        check(&[10, 10, 10, 10, 10, 10, 10, 10, 60, 60, 60, 60], 0.0, 50);
        check(&[10, 10, 10, 10, 10, 10, 10, 10, 60], 0.0, 50);
        // Teeth lean to the side they end on, by less than one tooth.
        check(&[10, 40, 70, 10, 40, 70, 10, 40, 70], 15.0 / 7.0, 17);
        check(&[90, 60, 30], -30.0, -60);
    }

    #[test]
    fn too_little_to_tell() {
        assert_eq!(Trend::of(&[]), None);
        assert_eq!(Trend::of(&points(&[1, 2])), None);
        let one_instant = [Point {
            seconds: 1.0,
            bytes: 1,
        }; 3];
        assert_eq!(Trend::of(&one_instant), None);
    }

    #[test]
    fn many_points_are_thinned_and_keep_both_ends() {
        let many = points(&(0..1000).collect::<Vec<u64>>());
        let few = thinned(&many);
        assert_eq!(few.len(), MAX_POINTS);
        assert_eq!((few[0], few[MAX_POINTS - 1]), (many[0], many[999]));
        assert!((Trend::of(&many).unwrap().slope - 1.0).abs() < 1e-9);
    }

    #[test]
    fn differences_saturate() {
        assert_eq!(difference(5, 8), -3);
        assert_eq!(difference(u64::MAX, 0), i64::MAX);
        assert_eq!(difference(0, u64::MAX), i64::MIN);
    }
}
