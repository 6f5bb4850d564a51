//! Two reports side by side: what changed from one to the other.
//!
//! Places are matched by the names of their functions, because lines and addresses move with
//! every build; growth is compared by the minute, because no two recordings are equally long.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use super::escape::escape;
use super::numbers::signed_mib;
use super::verdict::Status;
use super::{Conclusion, Report, StackFrame};

/// Places shown of each kind.
const MAX_PLACES: usize = 20;
/// What moves by less a minute is at rest in both.
const LEAST_BYTES: f64 = 65_536.0;
const LEAST_COUNT: f64 = 1.0;

/// What changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    /// Name and version of the JSON form.
    pub schema: &'static str,
    /// The answer before, and after.
    pub conclusion: (Conclusion, Conclusion),
    /// Rules that find something after, and did not before.
    pub found: Vec<&'static str>,
    /// Rules that found something before, and do not after.
    pub gone: Vec<&'static str>,
    /// What the whole process gains a minute.
    pub process: Vec<Change>,
    /// Live heap by allocation site, in bytes a minute.
    pub heap: Vec<Change>,
    /// Memory touched for the first time by origin, in bytes a minute, whether it was kept or not.
    pub touched: Vec<Change>,
    /// Open sockets by origin, a minute.
    pub sockets: Vec<Change>,
    /// Goroutines by what they began with, a minute.
    pub goroutines: Vec<Change>,
}

/// How fast one thing grows, a minute; `None` where it does not exist, or was not measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// What, or the functions of where, innermost first.
    pub what: String,
    /// In the first recording.
    pub before: Option<f64>,
    /// In the second one.
    pub after: Option<f64>,
}

impl Change {
    fn difference(&self) -> f64 {
        self.after.unwrap_or(0.0) - self.before.unwrap_or(0.0)
    }
}

/// Rates by what grows.
type Rates = BTreeMap<String, f64>;

impl Diff {
    /// From one report to another.
    #[must_use]
    pub fn of(before: &Report, after: &Report) -> Self {
        let found = |report: &Report| -> BTreeSet<&'static str> {
            let verdicts = report.verdicts.iter();
            verdicts
                .filter(|verdict| verdict.status == Status::Found)
                .map(|verdict| verdict.rule)
                .collect()
        };
        let (earlier, later) = (found(before), found(after));
        let by_place = |rates: fn(&Report) -> Rates, least| {
            let mut changes = changes(&rates(before), &rates(after));
            changes.retain(|change| change.difference().abs() >= least);
            changes
                .sort_by(|one, other| other.difference().abs().total_cmp(&one.difference().abs()));
            changes.truncate(MAX_PLACES);
            changes
        };
        Self {
            schema: "tracer/diff/1",
            conclusion: (before.conclusion, after.conclusion),
            found: later.difference(&earlier).copied().collect(),
            gone: earlier.difference(&later).copied().collect(),
            process: changes(&of_process(before), &of_process(after)),
            heap: by_place(of_heap, LEAST_BYTES),
            touched: by_place(of_touched, LEAST_BYTES),
            sockets: by_place(of_sockets, LEAST_COUNT),
            goroutines: by_place(of_goroutines, LEAST_COUNT),
        }
    }
}

fn changes(before: &Rates, after: &Rates) -> Vec<Change> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |name: &String| Change {
        what: name.clone(),
        before: before.get(name).copied(),
        after: after.get(name).copied(),
    };
    names.into_iter().map(change).collect()
}

/// So much in the whole recording, by the minute.
fn per_minute(report: &Report, amount: f64) -> f64 {
    amount * 60.0 / report.window.seconds.max(1.0)
}

fn of_process(report: &Report) -> Rates {
    let memory = report.memory.as_ref();
    let after_gc = report.heap.as_ref().and_then(|heap| heap.after_gc.as_ref());
    let pairs = [
        (RSS, memory.and_then(|memory| memory.rss_bytes_per_minute)),
        (
            IN_USE,
            memory.and_then(|memory| memory.use_bytes_per_minute),
        ),
        (LIVE, after_gc.map(|trend| trend.bytes_per_minute)),
    ];
    let known = pairs.into_iter();
    known
        .filter_map(|(name, rate)| Some((name.to_owned(), rate? as f64)))
        .collect()
}

const RSS: &str = "RSS";
const IN_USE: &str = "memory in use";
const LIVE: &str = "live heap after collections";

fn of_heap(report: &Report) -> Rates {
    let sites = report.heap.iter().flat_map(|heap| &heap.sites);
    let growth = sites.filter_map(|site| Some((way(&site.stack), site.growth_bytes? as f64)));
    sums(report, growth)
}

fn of_touched(report: &Report) -> Rates {
    let lines = report.growth.iter();
    sums(
        report,
        lines.map(|line| (place(line.origin.as_ref(), &line.stack), line.bytes as f64)),
    )
}

fn of_sockets(report: &Report) -> Rates {
    let origins = report.sockets.iter().flat_map(|sockets| &sockets.origins);
    let open = origins.map(|origin| {
        let place = place(origin.origin.as_ref(), &origin.stack);
        (place, origin.open as f64)
    });
    sums(report, open)
}

fn of_goroutines(report: &Report) -> Rates {
    let sites = report.goroutines.iter().flat_map(|all| &all.sites);
    let growth = sites.filter_map(|site| Some((site.start.function.clone(), site.growth? as f64)));
    sums(report, growth)
}

fn sums(report: &Report, amounts: impl Iterator<Item = (String, f64)>) -> Rates {
    let mut rates = Rates::new();
    for (place, amount) in amounts {
        *rates.entry(place).or_default() += per_minute(report, amount);
    }
    rates
}

/// The service's own function, else the whole way.
fn place(own: Option<&StackFrame>, stack: &[StackFrame]) -> String {
    own.map_or_else(|| way(stack), |own| own.function.clone())
}

/// The functions of a stack, without where exactly they were.
fn way(stack: &[StackFrame]) -> String {
    let functions: Vec<&str> = stack.iter().map(|frame| frame.function.as_str()).collect();
    if functions.is_empty() {
        "an unknown stack".to_owned()
    } else {
        functions.join(" < ")
    }
}

/// What changed, as text.
#[must_use]
pub fn diff_text(diff: &Diff) -> String {
    let (before, after) = (diff.conclusion.0.words(), diff.conclusion.1.words());
    let mut text = if before == after {
        format!("conclusion: {after}, as before\n")
    } else {
        format!("conclusion: {after}, and {before} before\n")
    };
    for (heading, rules) in [
        ("found now", &diff.found),
        ("not found any more", &diff.gone),
    ] {
        if !rules.is_empty() {
            let _ = writeln!(text, "{heading}: {}", rules.join(", "));
        }
    }
    let bytes = |rate: f64| signed_mib(rate as i64);
    let count = |rate: f64| format!("{rate:+.0}");
    section(
        &mut text,
        "growth a minute, before and after",
        &diff.process,
        bytes,
    );
    section(&mut text, "live heap by allocation site", &diff.heap, bytes);
    section(
        &mut text,
        "memory touched first by origin, kept or not",
        &diff.touched,
        bytes,
    );
    section(&mut text, "open sockets by origin", &diff.sockets, count);
    section(
        &mut text,
        "goroutines by what they began with",
        &diff.goroutines,
        count,
    );
    text
}

fn section(text: &mut String, heading: &str, changes: &[Change], amount: impl Fn(f64) -> String) {
    if changes.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{heading}");
    let amount = |rate: Option<f64>| rate.map_or("-".to_owned(), &amount);
    for change in changes {
        let (before, after) = (amount(change.before), amount(change.after));
        let what = escape(&change.what);
        let _ = writeln!(text, "  {before:>12} {after:>12}  {what}");
    }
}
