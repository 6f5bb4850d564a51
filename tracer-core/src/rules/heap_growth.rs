//! Live heap that grows from collection to collection: something keeps more and more objects.

use std::cmp::Reverse;

use super::collections::{
    due, how_many_more, is_stale, keeps_less, next_collection, since_collection,
};
use super::growth::{Growth, at_rest, material};
use super::open_sockets::arrivals;
use super::stand_ins::{Attribution, summed_up};
use super::streams::streams;
use super::threshold::Threshold;
use super::words::{clear, per_minute, unsure};
use super::{Explanation, Need, Rule, Verdict};
use crate::event::GoCounters;
use crate::ledger::trend::Trend;
use crate::process::Process;
use crate::report::{Evidence, Heap, HeapSiteLine, Origin, StackFrame, mib, outside_runtime};

/// Growing sites named.
const MAX_SITES: usize = 5;
/// What has less than this share of the growth is not named.
pub(super) const LEAST_SHARE: Threshold = Threshold::new(0.05);

/// A heap is larger than its goal now and then, since a collection takes its time and work goes on, but
/// hardly by this factor: then it was larger once.
const BEYOND: Threshold = Threshold::new(1.25);

/// Caches and pools of a program that has just begun fill, which looks like a leak for so long at the least.
const STARTING: Threshold = Threshold::new(20.0);

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
                move, and as fast at the end as at the beginning. The last collection before \
                watching began counts, too, if it was not long before by the program's clock. Between \
                collections the heap always grows, so neither RSS nor the heap in use is compared.",
            refuted_by: "A live heap that levels off when watched longer: a cache that fills. A \
                live heap that falls again when the load does.",
            remedy: "Look at the allocation sites that grow, and ask who keeps what they allocate: \
                a map or slice in a package variable, a cache without a limit, a list that is only \
                appended to.",
            false_friends: "A cache that warms up grows and then stays: in the first 20 s of a process this \
                rule is not sure, nor where less of what is allocated stays than before, or where no \
                collection has run for a long time. A batch grows until it is worked \
                off: where the heap was larger before it was watched, this rule is not sure. Requests \
                or connections that all are still open need their memory. A heap that grows between \
                two collections may be garbage.",
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
                unsure(how_many_more(process, readings, seconds))
            }
            movement @ (Growth::Flat(trend) | Growth::Levelled(trend)) => clear(format!(
                "the live heap {} over {} collections",
                at_rest(&trend, matches!(movement, Growth::Levelled(_))),
                trend.samples
            )),
            Growth::Unsteady(trend) => unsure(format!(
                "the live heap grew by {} over {} collections, but not steadily: a \
                 cache that fills does that too, or a batch. Watch until it stops, or goes on",
                mib(trend.growth().unsigned_abs()),
                trend.samples
            )),
            Growth::Steady(trend) => match arrivals(process)
                .or_else(|| streams(process))
                .or_else(|| returns(process))
                .or_else(|| begins(process))
                .or_else(|| is_stale(process, &trend))
            {
                Some(why) => unsure(format!("the live heap grows, but {why}")),
                None => found(process, &trend),
            },
        }
    }
}

/// How the live heap moves, from collection to collection.
pub(super) fn live_heap(process: &Process) -> Growth {
    match Growth::of_points(&process.go().live_heap(), material) {
        Growth::Steady(trend) if keeps_less(process) => Growth::Unsteady(trend),
        growth => growth,
    }
}

/// That the heap was larger before it was watched: what is done again and again lets it go in between.
pub(super) fn returns(process: &Process) -> Option<String> {
    let counters = process.go().counters();
    let (first, now) = (counters.first()?, counters.last()?);
    // The heap's addresses are never given back, so that they tell how large it was.
    let taken = |now: &GoCounters| {
        let in_use = now.heap_inuse.saturating_add(now.heap_free);
        in_use.saturating_add(now.heap_released)
    };
    let before = taken(first).saturating_sub(taken_at_once(process));
    let goals = counters.iter().map(|(_, now)| now.next_gc);
    let least = goals.min()?;
    let had_fallen = before as f64 > BEYOND.get() * least as f64;
    let is_beyond = taken(now) as f64 > BEYOND.get() * taken(first) as f64;
    (had_fallen && !is_beyond).then(|| {
        format!(
            "it was larger once: it had taken {} when watching began, and was down to less than {}. A \
             batch that is worked off again, or load that comes back, grows so far. Watch until it takes \
             much more than ever, or falls",
            mib(taken(first)),
            mib(least)
        )
    })
}

/// That the process had begun so lately that what grew may be what fills then.
fn begins(process: &Process) -> Option<String> {
    let (now, since) = (process.age_seconds()?, since_collection(process)?);
    let age = (now - since).max(0.0);
    let next = next_collection(process).map(|next| next.max(STARTING.get() - now));
    (age < STARTING.get()).then(|| {
        format!(
            "the process was only {:.0} s old at the last collection, and what fills after a start grows \
             like this: watch until it is {:.0} s old and collects again{}",
            age.floor(),
            STARTING.get(),
            due(next)
        )
    })
}

/// What the heap takes at once at the least (`runtime/mheap.go`: `pallocChunkBytes`; until Go 1.16 a
/// whole arena).
fn taken_at_once(process: &Process) -> u64 {
    match process.facts().go_minor() {
        Some(..=16) => 64 << 20,
        _ => 4 << 20,
    }
}

fn found(process: &Process, trend: &Trend) -> Verdict {
    let mut evidence = live_evidence(trend);
    evidence.extend(resident(process, trend));
    let heap = Heap::on(process);
    let sites = heap
        .as_ref()
        .map_or(Vec::new(), |heap| growing(heap, trend));
    for site in &sites {
        let place = outside_runtime(&site.stack).first();
        let place = place.map_or_else(String::new, StackFrame::place);
        let growth = site.growth_bytes.unwrap_or(0);
        evidence.push(Evidence::growth(
            format!("growth allocated in {place}"),
            growth,
        ));
    }
    let who = Attribution::of(process, heap.as_ref(), &sites);
    evidence.extend(who.evidence);
    let keeper = who.owner.as_ref().map_or_else(
        || "Find who keeps these objects: a map or slice that is only added to, a cache without a limit."
            .to_owned(),
        |owner| format!("These objects are held by {}.", owner.words()),
    );
    let remedy = match who.owner.map(|owner| owner.kind) {
        Some("timer") => "Stop timers and tickers that are done with, and set none for long.",
        Some("finalizer") => {
            "Release them where they are done with, and let none refer to itself: what a finalizer or \
             cleanup waits for is kept, for good if it is a cycle."
        }
        _ => "Bound it, or delete entries when they are done with.",
    };
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
        origins: who.origins,
        refuted_by:
            "a live heap that levels off when it is watched longer, or falls when the load \
            does"
                .to_owned(),
        remedy: format!("{keeper} {remedy}"),
        leak: true,
    }
}

/// The first and the last reading, and how sure the slope is.
pub(super) fn live_evidence(trend: &Trend) -> Vec<Evidence> {
    let (low, high) = trend.interval;
    vec![
        Evidence::bytes("live after the first of these collections", trend.first),
        Evidence::bytes("live after the last one", trend.last),
        Evidence::growth("growth from the first to the last", trend.growth()),
        Evidence::fact(format!(
            "the slope lies between {} and {} with 95 % confidence",
            per_minute(low),
            per_minute(high)
        )),
    ]
}

/// How much of the live heap is resident, where most of it is not.
fn resident(process: &Process, trend: &Trend) -> Option<Evidence> {
    let resident = process.go().residency().last()?.heap_live;
    let is_untouched = resident < trend.last / 2;
    is_untouched.then(|| {
        Evidence::bytes(
            "resident of it: what is allocated and never touched takes no memory",
            resident,
        )
    })
}

/// The sites that make out the growth, most first.
fn growing<'a>(heap: &'a Heap, trend: &Trend) -> Vec<&'a HeapSiteLine> {
    // Theirs is what they gained while watching.
    let watched = heap
        .after_gc
        .map_or(trend.growth(), |watched| watched.growth_bytes);
    let least = LEAST_SHARE.get() * watched as f64;
    let grows = |site: &&HeapSiteLine| site.growth_bytes.is_some_and(|by| by as f64 >= least);
    let mut sites: Vec<_> = heap.sites.iter().filter(grows).collect();
    sites.sort_by_key(|site| Reverse(site.growth_bytes));
    sites.truncate(MAX_SITES);
    sites
}

/// The own lines of sites.
pub(super) fn origins<'a>(sites: impl IntoIterator<Item = &'a HeapSiteLine>) -> Vec<Origin> {
    let growth = |site: &HeapSiteLine| u64::try_from(site.growth_bytes?).ok();
    let sites = sites.into_iter();
    summed_up(sites.filter_map(|site| Some((site.origin.clone()?, growth(site)?))))
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
