//! Live heap that grows from collection to collection: something keeps more and more objects.

use std::cmp::Reverse;

use super::growth::{Growth, at_rest, how_much_longer};
use super::open_sockets::arrivals;
use super::owners::{owner, owners};
use super::threshold::Threshold;
use super::words::{clear, per_minute, unsure};
use super::{Explanation, Need, Rule, Verdict};
use crate::ledger::trend::Trend;
use crate::process::Process;
use crate::report::{
    ClassLine, Evidence, Heap, HeapSiteLine, Origin, StackFrame, allocating_lines, growth_lines,
    mib,
};

/// Growing sites named.
const MAX_SITES: usize = 5;
/// A site that holds less than this share of the growth is not named.
const LEAST_SHARE: Threshold = Threshold::new(0.05);

/// Objects that are kept for ever.
pub struct HeapGrowth;

impl Rule for HeapGrowth {
    fn name(&self) -> &'static str {
        "heap-growth"
    }

    fn title(&self) -> &'static str {
        "the live heap grows from collection to collection"
    }

    fn explain(&self) -> Explanation {
        Explanation {
            looks_for: "The bytes that each garbage collection found reachable, read from the \
                runtime at its end. It is found when they rise over at least five collections and \
                nine seconds, with 95 % confidence (Theil-Sen), by more than healthy programs \
                move, and as fast in the second half as in the first. Between collections the \
                heap always grows, so neither RSS nor the heap in use is compared.",
            refuted_by: "A live heap that levels off when watched longer: a cache that fills. A \
                live heap that falls again when the load does.",
            remedy: "Look at the allocation sites that grow, and ask who keeps what they allocate: \
                a map or slice in a package variable, a cache without a limit, a list that is only \
                appended to.",
            false_friends: "A cache that warms up grows and then stays. Requests or connections \
                that all are still open need their memory. A heap that grows between two \
                collections may be garbage.",
            example: EXAMPLE,
        }
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Time]
    }

    fn judge(&self, process: &Process) -> Verdict {
        let go = process.go();
        if go.counters().seen() == 0 {
            let why = go.runtime().and_then(|runtime| runtime.unreadable.clone());
            return unsure(why.unwrap_or_else(|| "the Go runtime was not read".to_owned()));
        }
        match live_heap(process) {
            Growth::TooEarly { readings, seconds } => {
                unsure(how_much_longer(readings, seconds, "collection"))
            }
            movement @ (Growth::Flat(trend) | Growth::Levelled(trend)) => clear(format!(
                "the live heap {} over {} collections",
                at_rest(&trend, matches!(movement, Growth::Levelled(_))),
                trend.samples
            )),
            Growth::Slowing(trend) => unsure(format!(
                "the live heap grew by {} over {} collections, but slower in the second half: a \
                 cache that fills does that too. Watch until it stops, or goes on",
                mib(trend.growth().unsigned_abs()),
                trend.samples
            )),
            Growth::Steady(trend) => match arrivals(process) {
                Some(arrivals) => unsure(format!("the live heap grows, but {arrivals}")),
                None => found(process, &trend),
            },
        }
    }
}

/// How the live heap moves, from collection to collection.
pub(super) fn live_heap(process: &Process) -> Growth {
    Growth::of_bytes(process.go().after_gc(), |after| Some(after.live))
}

fn found(process: &Process, trend: &Trend) -> Verdict {
    let mut evidence = live_evidence(trend);
    let heap = Heap::on(process);
    let sites = heap
        .as_ref()
        .map_or(Vec::new(), |heap| growing(heap, trend));
    for site in &sites {
        let place = site
            .stack
            .first()
            .map_or_else(String::new, StackFrame::place);
        let growth = site.growth_bytes.unwrap_or(0);
        evidence.push(Evidence::growth(
            format!("growth allocated in {place}"),
            growth,
        ));
    }
    evidence.extend(owners(process, &sites));
    let keeper = owner(process, &sites).map_or_else(
        || "Find who keeps these objects: a map or slice that is only added to, a cache without a limit."
            .to_owned(),
        |owner| format!("These objects are held by {owner}."),
    );
    let stand_ins = if sites.is_empty() {
        let (lines, what) = stand_ins(process, heap.as_ref());
        if !lines.is_empty() && process.go().profile().is_none() {
            evidence.push(Evidence::fact(what));
        }
        lines
    } else {
        Vec::new()
    };
    if sites.is_empty()
        && let Some(class) = heap.as_ref().and_then(|heap| {
            let classes = heap.classes.iter();
            classes.max_by_key(|class| class.growth_bytes)
        })
        && class.growth_bytes.is_some_and(|growth| growth > 0)
    {
        let what = match class.object_bytes {
            0 => "growth in objects larger than 32 KiB".to_owned(),
            bytes => format!("growth in objects of {bytes} bytes"),
        };
        evidence.push(Evidence::growth(what, class.growth_bytes.unwrap_or(0)));
    }
    Verdict::Found {
        headline: format!(
            "the live heap grew from {} to {} over {} collections in {:.0} s ({})",
            mib(trend.first),
            mib(trend.last),
            trend.samples,
            trend.seconds,
            per_minute(trend.slope)
        ),
        evidence,
        origins: if sites.is_empty() {
            stand_ins
        } else {
            origins(sites.iter().copied())
        },
        refuted_by:
            "a live heap that levels off when it is watched longer, or falls when the load \
            does"
                .to_owned(),
        remedy: format!("{keeper} Bound it, or delete entries when they are done with."),
        leak: true,
    }
}

/// The first and the last reading, and how sure the slope is.
pub(super) fn live_evidence(trend: &Trend) -> Vec<Evidence> {
    let (low, high) = trend.interval;
    vec![
        Evidence::bytes("live after the first collection seen", trend.first),
        Evidence::bytes("live after the last one", trend.last),
        Evidence::growth("growth from the first to the last", trend.growth()),
        Evidence::fact(format!(
            "the slope lies between {} and {} with 95 % confidence",
            per_minute(low),
            per_minute(high)
        )),
    ]
}

/// The sites that make out the growth, most first.
fn growing<'a>(heap: &'a Heap, trend: &Trend) -> Vec<&'a HeapSiteLine> {
    let least = LEAST_SHARE.get() * trend.growth() as f64;
    let grows = |site: &&HeapSiteLine| site.growth_bytes.is_some_and(|by| by as f64 >= least);
    let mut sites: Vec<_> = heap.sites.iter().filter(grows).collect();
    sites.sort_by_key(|site| Reverse(site.growth_bytes));
    sites.truncate(MAX_SITES);
    sites
}

/// The lines that stand in where the profiler is not there, and what they are: who was given memory
/// in objects of the sizes that grow; else where new memory was touched first.
fn stand_ins(process: &Process, heap: Option<&Heap>) -> (Vec<Origin>, &'static str) {
    let classes = heap.map_or(&[][..], |heap| &heap.classes);
    let grows = |class: &ClassLine| class.growth_bytes.is_some_and(|growth| growth > 0);
    let growing = |object_bytes| {
        let mut same = classes
            .iter()
            .filter(|class| class.object_bytes == object_bytes);
        same.any(grows)
    };
    let given = largest(allocating_lines(process, growing));
    if !given.is_empty() {
        return (
            given,
            "the program keeps no heap profile: the lines below were given memory in objects of the \
             sizes that grow, whether they kept it or not",
        );
    }
    let touched = growth_lines(process).into_iter();
    let touched = touched.map(|line| (line.origin, line.bytes));
    (
        largest(touched.collect()),
        "the program keeps no heap profile: the lines below are where new memory was touched \
         first, whether it was kept or not",
    )
}

/// The own lines with most of all bytes.
fn largest(lines: Vec<(Option<StackFrame>, u64)>) -> Vec<Origin> {
    let all = lines
        .iter()
        .fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
    let own = lines.into_iter();
    let mut origins = grown_at(own.filter_map(|(line, bytes)| Some((line?, bytes))));
    let least = (LEAST_SHARE.get() * all as f64) as u64;
    origins.retain(|origin| origin.bytes.is_some_and(|bytes| bytes > least));
    origins.truncate(MAX_SITES);
    origins
}

/// The own lines of sites.
pub(super) fn origins<'a>(sites: impl IntoIterator<Item = &'a HeapSiteLine>) -> Vec<Origin> {
    let growth = |site: &HeapSiteLine| u64::try_from(site.growth_bytes?).ok();
    let sites = sites.into_iter();
    grown_at(sites.filter_map(|site| Some((site.origin.clone()?, growth(site)?))))
}

/// Each line once, with all its bytes, most first.
fn grown_at(lines: impl Iterator<Item = (StackFrame, u64)>) -> Vec<Origin> {
    let mut origins: Vec<Origin> = Vec::new();
    for (line, grown) in lines {
        match origins.iter_mut().find(|origin| origin.line == line) {
            Some(origin) => {
                let bytes = origin.bytes.get_or_insert(0);
                *bytes = bytes.saturating_add(grown);
            }
            None => origins.push(Origin {
                line,
                opened: None,
                closed: None,
                bytes: Some(grown),
            }),
        }
    }
    origins.sort_by_key(|origin| Reverse(origin.bytes));
    origins
}

const EXAMPLE: &str = "\
package main

import (
	\"fmt\"
	\"time\"
)

var seen = map[string][]byte{} // nothing is ever deleted

func main() {
	for n := 0; ; n++ {
		seen[fmt.Sprint(n)] = make([]byte, 10<<10)
		time.Sleep(10 * time.Millisecond)
	}
}
";
