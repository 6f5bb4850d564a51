//! Which events are taken, when not all of them are: points on the line of all bytes.
//!
//! ```text
//! bytes of one event after the other   |--a--|-b-|-------c-------|-d-|
//! points, at random                          x              x  x
//! taken                                      b      c
//! ```
//!
//! The distances are exponential with the mean asked for, so an event of `b` bytes has a point with
//! the probability `1 - exp(-b / mean)`, whatever came before it.

use crate::Kind;

/// The largest mean distance in bytes: more would not fit the arithmetic of [`distance`].
pub const MAX_SAMPLE_BYTES: u64 = 1 << 33;

/// Binary places of the fractions here.
const PLACES: u32 = 31;
const ONE: u64 = 1 << PLACES;
/// ln 2.
const LN_2: u64 = 1_488_522_236;

impl Kind {
    /// The length that a call was given; `None` for calls that have none.
    #[inline]
    #[must_use]
    pub const fn length(self, args: &[u64; 6]) -> Option<u64> {
        match self {
            Self::MMAP | Self::MUNMAP | Self::MADVISE | Self::MPROTECT => Some(args[1]),
            Self::MREMAP => Some(args[2]),
            _ => None,
        }
    }
}

/// Whether an event of `bytes` has a point. `left` are the bytes up to the next one, 0 when that is
/// not drawn yet.
#[inline]
pub fn is_taken(left: &mut u64, bytes: u64, mean: u64, random: impl FnOnce() -> u32) -> bool {
    if *left == 0 {
        *left = distance(random(), mean);
    }
    let taken = bytes >= *left;
    // Behind an event that was taken the line begins anew: it does not remember.
    *left = if taken { 0 } else { *left - bytes };
    taken
}

/// The distance in bytes to the next point, at least 1: `-ln(u) * mean`, rounded up, for a `u`
/// between 0 and 1 that `random` stands for.
///
/// ln is the series of atanh, which is best near `u = 1`: there are the short distances, and their
/// share is that of small events.
#[inline]
#[must_use]
pub const fn distance(random: u32, mean: u64) -> u64 {
    // u = odd / 2^33 = (scaled / 2^33) / 2^halvings, with `scaled / 2^33` from 1/2 to 1.
    let odd = 2 * random as u64 + 1;
    let halvings = odd.leading_zeros() - 31;
    let scaled = odd << halvings;
    // -ln(m) = 2 atanh(s), s = (1 - m) / (1 + m) ≤ 1/3.
    // Or, and not plus, so that the compiler sees that it divides by no zero.
    let s = (((1 << 33) - scaled) << PLACES) / ((1 << 33) | scaled);
    let square = times(s, s);
    let series = ONE / 7 + times(square, ONE / 9);
    let series = ONE / 5 + times(square, series);
    let series = ONE / 3 + times(square, series);
    let series = ONE + times(square, series);
    let minus_ln = 2 * times(s, series) + halvings as u64 * LN_2;
    let (whole, part) = (minus_ln >> PLACES, minus_ln & (ONE - 1));
    whole * mean + ((part * mean) >> PLACES) + 1
}

/// The product of two fractions.
#[inline]
const fn times(a: u64, b: u64) -> u64 {
    (a * b) >> PLACES
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[track_caller]
    fn check(random: u32, mean: u64) {
        let u = (f64::from(random) + 0.5) / f64::from(1 << 16) / f64::from(1 << 16);
        let exact = -u.ln() * mean as f64;
        let found = distance(random, mean) as f64;
        // The places that there are, and the terms that the series leaves out.
        let slack = 1.0 + mean as f64 / f64::from(1 << 29) + exact * 1e-5;
        assert!(
            (found - exact).abs() <= slack,
            "{random} {mean}: {found}, not {exact}"
        );
    }

    #[test]
    fn distances_are_those_of_the_logarithm() {
        for mean in [1, 4096, 524_288, MAX_SAMPLE_BYTES] {
            for random in [
                0,
                1,
                2,
                u32::MAX / 2,
                u32::MAX / 2 + 1,
                u32::MAX - 1,
                u32::MAX,
            ] {
                check(random, mean);
            }
            for step in 0..10_000 {
                check(step * 429_497, mean);
            }
        }
    }

    #[test]
    fn the_mean_distance_is_the_one_asked_for() {
        let draws = 1 << 20;
        let sum: u64 = (0..draws)
            .map(|draw| distance((draw << 12) + (1 << 11), 524_288))
            .sum();
        let mean = sum as f64 / f64::from(draws);
        assert!((mean / 524_288.0 - 1.0).abs() < 1e-4, "{mean}");
    }

    #[test]
    fn a_point_lies_in_one_event() {
        // Half of 2^32 stands for u = 1/2, and -ln(1/2) is 0.693147.
        let half = || 1 << 31;
        let mut left = 0;
        let mut taken = |bytes| is_taken(&mut left, bytes, 1_000_000, half);
        assert!(!taken(0));
        assert!(!taken(693_146));
        assert!(taken(1));
        assert!(!taken(693_146));
        assert!(taken(u64::MAX));
        assert!(taken(693_147));
    }

    #[test]
    fn calls_with_a_length() {
        let args = [1, 2, 3, 4, 5, 6];
        let with: std::vec::Vec<_> = Kind::ALL
            .iter()
            .filter_map(|kind| Some((kind.name(), kind.length(&args)?)))
            .collect();
        let expected = [
            ("mmap", 2),
            ("munmap", 2),
            ("mremap", 3),
            ("madvise", 2),
            ("mprotect", 2),
        ];
        assert_eq!(with, expected);
    }
}
