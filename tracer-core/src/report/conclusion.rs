//! The answer: a leak, no leak, or not to be told from what was seen.

mod top;

use serde::Serialize;

use super::growth::GrowthLine;
use super::heap::Heap;
use super::numbers::{mib, plural, signed_mib};
use super::verdict::{Status, VerdictLine};
use crate::ledger::trend::Trend;
use crate::process::Process;
use crate::rules::growth::{MIN_SECONDS, material};
use crate::rules::missing::unseen;

/// Less is no news: healthy programs move by up to 2 MB (1.9 MiB) in half a minute.
const LEAST_MATERIAL: f64 = 2.5 * 1_048_576.0;

/// The answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Memory is lost for good.
    Leak,
    /// The memory is explained, and it is no leak.
    NoLeak,
    /// What was seen does not decide.
    CannotTell,
}

impl Conclusion {
    /// As readers see it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Leak => "leak",
            Self::NoLeak => "no leak",
            Self::CannotTell => "cannot tell",
        }
    }
}

/// The answer and its reason.
pub(super) fn conclude(
    process: &Process,
    verdicts: &[VerdictLine],
    heap: Option<&Heap>,
    growth: &[GrowthLine],
) -> (Conclusion, String) {
    let top = top::top(heap, growth);
    let found = |leak| {
        verdicts
            .iter()
            .filter(move |verdict| verdict.status == Status::Found && verdict.leak == leak)
            .filter(|verdict| verdict.rule != HEALTHY)
            .find_map(|verdict| verdict.headline.clone())
    };
    if let Some(headline) = found(true) {
        return (Conclusion::Leak, headline);
    }
    let cause = found(false);
    let healthy = verdicts.iter().find(|verdict| verdict.rule == HEALTHY);
    match (healthy, cause) {
        (Some(healthy), cause) if process.go().counters().seen() > 0 => {
            judged(healthy, cause.as_deref(), verdicts, &top)
        }
        (_, Some(headline)) => explained(process, &headline, &top),
        (_, None) => (Conclusion::CannotTell, unexplained(process, &top)),
    }
}

/// The rule that has seen whether anything grows.
pub(super) const HEALTHY: &str = "healthy";

/// All that could grow was looked at: what it says decides.
fn judged(
    healthy: &VerdictLine,
    cause: Option<&str>,
    verdicts: &[VerdictLine],
    top: &str,
) -> (Conclusion, String) {
    let text = healthy.headline.as_ref().or(healthy.missing.as_ref());
    let text = text.map_or("", String::as_str);
    let with_cause = |rest: &str| match cause {
        Some(cause) => format!("{cause}; {rest}"),
        None => rest.to_owned(),
    };
    match healthy.status {
        Status::Found => (Conclusion::NoLeak, with_cause(text)),
        Status::Unsure => (Conclusion::CannotTell, with_cause(text)),
        Status::Clear => {
            let judge = judge_of(text);
            // What is known of who grows says more than that a rule needs more time.
            let known = unsure(verdicts, COUNTED)
                .filter(|missing| judge.is_empty() && !is_too_early(missing));
            let when = too_early(verdicts).filter(|_| judge.is_empty() && known.is_none());
            let rest = match (when, known.or_else(|| unsure(verdicts, judge))) {
                (Some(when), _) => {
                    format!("{text}, and whether that is a leak shows later ({when}){top}")
                }
                // It says so itself.
                (None, Some(missing)) if missing.starts_with(text) => {
                    format!("whether it leaks could not be told: {missing}")
                }
                (None, Some(missing)) => {
                    format!("{text}, and whether that is a leak could not be told: {missing}")
                }
                (None, None) => {
                    format!(
                        "{text}, and no rule is sure of a leak: watch until it stops, or goes on{top}"
                    )
                }
            };
            (Conclusion::CannotTell, with_cause(&rest))
        }
    }
}

/// What the rule about live heap waits for, which most leaks need.
fn too_early(verdicts: &[VerdictLine]) -> Option<&str> {
    let heap = verdicts
        .iter()
        .find(|verdict| verdict.rule == "heap-growth")?;
    let missing = heap.missing.as_deref();
    missing.filter(|missing| is_too_early(missing))
}

fn is_too_early(missing: &str) -> bool {
    missing.starts_with("too early")
}

/// The rules that count what stays.
const COUNTED: &[&str] = &["client-per-request", "socket-leak", "goroutine-leak"];

/// The rules that judge what grows, if only some do.
fn judge_of(text: &str) -> &'static [&'static str] {
    if text.starts_with("goroutines") {
        &["goroutine-leak", "client-per-request"]
    } else if text.starts_with("open sockets") {
        &["client-per-request", "socket-leak"]
    } else {
        &[]
    }
}

/// What a rule needs that is not sure, and so what would tell: the first of those asked, if there are any.
fn unsure<'a>(verdicts: &'a [VerdictLine], asked: &[&str]) -> Option<&'a str> {
    let mut others = verdicts.iter().filter(|verdict| verdict.rule != HEALTHY);
    let is_asked = |rule: &str| asked.is_empty() || asked.contains(&rule);
    let unsure =
        others.find(|verdict| verdict.status == Status::Unsure && is_asked(verdict.rule))?;
    unsure.missing.as_deref()
}

/// RSS is explained; whether that is all depends on how the rest moved.
fn explained(process: &Process, headline: &str, top: &str) -> (Conclusion, String) {
    if let Some(unseen) = unseen(process) {
        return (Conclusion::CannotTell, format!("{headline}; but {unseen}"));
    }
    let Some(trend) = process.memory().use_trend() else {
        let samples = plural(process.memory().samples(), "memory sample");
        let why = format!("{headline}; whether the rest grows cannot be told from {samples}");
        return (Conclusion::CannotTell, why);
    };
    let seconds = trend.seconds;
    if is_material(&trend) {
        let moved = moved("the memory in use", &trend);
        let why = format!("{headline}; but {moved}, and no rule explains that{top}");
        return (Conclusion::CannotTell, why);
    }
    let least = MIN_SECONDS.get();
    if seconds < least {
        let why = format!(
            "{headline}; but {seconds:.0} s are too short to see whether the rest grows: watch \
             for {least:.0} s or longer"
        );
        return (Conclusion::CannotTell, why);
    }
    let why = format!("{headline}; {}", still("the memory in use", &trend));
    (Conclusion::NoLeak, why)
}

/// No rule found anything: what was seen all the same.
fn unexplained(process: &Process, top: &str) -> String {
    let Some(last) = process.memory().last() else {
        return "the memory of the process could not be read".to_owned();
    };
    let rss = mib(last.rss);
    let Some(trend) = process.memory().rss_trend() else {
        let samples = plural(process.memory().samples(), "memory sample");
        return format!("RSS is {rss}; whether it grows cannot be told from {samples}");
    };
    if is_material(&trend) {
        let moved = moved("RSS", &trend);
        return format!("{moved} to {rss}, and no rule explains that{top}");
    }
    format!(
        "{}, now {rss}; growth that is slower or needs other load would not show",
        still("RSS", &trend)
    )
}

/// More than what a healthy program gains in the time, and no less than the slowest leak does.
fn is_material(trend: &Trend) -> bool {
    trend.gain() as f64 >= material(trend.seconds).max(LEAST_MATERIAL)
}

/// How little it moved.
fn still(what: &str, trend: &Trend) -> String {
    let (change, seconds) = (trend.growth(), trend.seconds);
    let signed = signed_mib(change);
    if change as f64 <= LEAST_MATERIAL {
        format!("{what} did not grow ({signed} in {seconds:.0} s)")
    } else {
        format!("{what} moved by {signed} in {seconds:.0} s, as a Go heap does between collections")
    }
}

fn moved(what: &str, trend: &Trend) -> String {
    let (gain, seconds) = (trend.gain().unsigned_abs(), trend.seconds);
    let per_minute = mib((gain as f64 / seconds * 60.0) as u64);
    format!(
        "{what} grew by {} in {seconds:.0} s ({per_minute} a minute)",
        mib(gain)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventKind, MemorySample, Timestamp};
    use crate::report::Report;

    /// One sample a second: RSS and `LazyFree` in MiB.
    #[track_caller]
    fn check(samples: &[(u64, u64)], conclusion: Conclusion, why: &str) {
        let mut process = Process::default();
        for (second, (rss, lazy_free)) in samples.iter().enumerate() {
            let (rss, lazy_free) = (rss << 20, Some(lazy_free << 20));
            let sample = MemorySample {
                rss,
                lazy_free,
                ..MemorySample::default()
            };
            process.apply(
                Timestamp(second as u64 * 1_000_000_000),
                &EventKind::Memory(sample),
            );
        }
        let report = Report::on(&process);
        assert_eq!((report.conclusion, report.why.as_str()), (conclusion, why));
    }

    const HEADLINE: &str = "409 of 491 MiB RSS were already given back with MADV_FREE";

    #[test]
    fn no_leak_needs_a_cause_and_a_quiet_rest() {
        check(
            &[(491, 409); 21],
            Conclusion::NoLeak,
            &format!("{HEADLINE}; the memory in use did not grow (+0.0 MiB in 20 s)"),
        );
        check(
            &[(491, 409); 5],
            Conclusion::CannotTell,
            &format!(
                "{HEADLINE}; but 4 s are too short to see whether the rest grows: watch for 9 s \
                 or longer"
            ),
        );
        check(
            &[(491, 409); 2],
            Conclusion::CannotTell,
            &format!("{HEADLINE}; whether the rest grows cannot be told from 2 memory samples"),
        );
        // Garbage that waits for its first collection.
        let warming: Vec<(u64, u64)> = (0..=20).map(|second| (487 + second / 6, 409)).collect();
        check(
            &warming,
            Conclusion::NoLeak,
            "409 of 490 MiB RSS were already given back with MADV_FREE; the memory in use moved by \
             +3.0 MiB in 20 s, as a Go heap does between collections",
        );
        let growing: Vec<(u64, u64)> = (0..=20).map(|second| (471 + second, 409)).collect();
        check(
            &growing,
            Conclusion::CannotTell,
            &format!(
                "{HEADLINE}; but the memory in use grew by 20.0 MiB in 20 s (60.0 MiB a minute), and \
                 no rule explains that"
            ),
        );
    }

    #[test]
    fn without_a_finding_it_says_what_was_seen() {
        check(
            &[],
            Conclusion::CannotTell,
            "the memory of the process could not be read",
        );
        check(
            &[(81, 0)],
            Conclusion::CannotTell,
            "RSS is 81.0 MiB; whether it grows cannot be told from 1 memory sample",
        );
        check(
            &[(81, 0); 21],
            Conclusion::CannotTell,
            "RSS did not grow (+0.0 MiB in 20 s), now 81.0 MiB; growth that is slower or needs \
             other load would not show",
        );
        let growing: Vec<(u64, u64)> = (0..=10).map(|second| (80 + 2 * second, 0)).collect();
        check(
            &growing,
            Conclusion::CannotTell,
            "RSS grew by 20.0 MiB in 10 s (120.0 MiB a minute) to 100.0 MiB, and no rule explains that",
        );
    }
}
