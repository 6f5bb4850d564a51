//! Values as they are typed: times, rates, percentages.

use std::ops::RangeInclusive;
use std::time::Duration;

use tracer_ebpf::sampling::MAX_SAMPLE_BYTES;

const KIB: f64 = 1024.0;
/// Sizes, and the seconds of a minute that a rate is made of; longer names first.
const SIZES: [(&str, f64); 4] = [
    ("GiB", KIB * KIB * KIB),
    ("MiB", KIB * KIB),
    ("KiB", KIB),
    ("B", 1.0),
];
const MINUTES: [(&str, f64); 3] = [("/min", 1.0), ("/s", 60.0), ("/h", 1.0 / 60.0)];

/// Bytes a minute, of `5MiB/min`, `100KiB/s`, `1GiB/h`.
pub(super) fn parse_rate(text: &str) -> Result<u64, String> {
    let rate = || {
        let (size, per_minute) = MINUTES
            .iter()
            .find_map(|(unit, times)| Some((text.strip_suffix(unit)?, times)))?;
        let (number, bytes) = SIZES
            .iter()
            .find_map(|(unit, bytes)| Some((size.strip_suffix(unit)?, bytes)))?;
        let number: f64 = number.trim().parse().ok()?;
        (number.is_finite() && number >= 0.0).then_some(number * bytes * per_minute)
    };
    rate()
        .map(|rate| rate as u64)
        .ok_or_else(|| "a rate is a size and a time, such as 5MiB/min or 100KiB/s".to_owned())
}

/// Less than a page would be every page fault, and more does not fit the kernel side's arithmetic.
const SAMPLE_BYTES: RangeInclusive<u64> = 4096..=MAX_SAMPLE_BYTES;

/// Bytes without a unit, or a size like `512KiB`.
pub(super) fn parse_sample_bytes(text: &str) -> Result<u64, String> {
    let size = || {
        let (number, bytes) = SIZES
            .iter()
            .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, bytes)))
            .unwrap_or((text, &1.0));
        let number: f64 = number.trim().parse().ok()?;
        Some((number * bytes) as u64)
    };
    size()
        .filter(|bytes| SAMPLE_BYTES.contains(bytes))
        .ok_or_else(|| "a size from 4KiB to 8GiB, such as 512KiB".to_owned())
}

/// The longest recording, a hundred years: its end must be a time that the clock can show.
const LONGEST: Duration = Duration::from_hours(100 * 8766);

/// Seconds without a unit, or a time like `1m30s`. Zero is refused: it would see nothing.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => humantime::parse_duration(text).map_err(|error| error.to_string())?,
    };
    if duration.is_zero() {
        return Err("a recording of no length sees nothing".to_owned());
    }
    if duration > LONGEST {
        return Err(
            "no recording takes over 100 years; without a time it goes on until ^C".to_owned(),
        );
    }
    Ok(duration)
}

pub(super) fn parse_percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("a percentage lies between 0 and 100".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(
                parse_duration(text).ok().map(|d| d.as_millis() as u64),
                expected,
                "{text}"
            );
        };
        check("20", Some(20_000));
        check("20s", Some(20_000));
        check("1m30s", Some(90_000));
        check("250ms", Some(250));
        check("100years", Some(3_155_760_000_000));
        check("0", None);
        check("0s", None);
        check("101years", None);
        check("18446744073709551615", None);
        check("18446744073709551616", None);
        check("584000000000years", None);
        check("-5", None);
        check("soon", None);
        check("", None);
    }

    #[test]
    fn sample_sizes() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(parse_sample_bytes(text).ok(), expected, "{text}");
        };
        check("524288", Some(512 << 10));
        check("512KiB", Some(512 << 10));
        check("1.5 MiB", Some(3 << 19));
        check("8GiB", Some(8 << 30));
        check("4095", None);
        check("8.1GiB", None);
        check("-1MiB", None);
        check("NaN", None);
        check("many", None);
    }

    #[track_caller]
    fn check_rate(text: &str, expected: Option<u64>) {
        assert_eq!(parse_rate(text).ok(), expected);
    }

    #[test]
    fn rates() {
        check_rate("5MiB/min", Some(5 << 20));
        check_rate("1.5 KiB/s", Some(92_160));
        check_rate("60B/h", Some(1));
        check_rate("0B/s", Some(0));
        check_rate("5MiB", None);
        check_rate("MiB/s", None);
        check_rate("-1MiB/s", None);
        check_rate("infMiB/s", None);
    }
}
