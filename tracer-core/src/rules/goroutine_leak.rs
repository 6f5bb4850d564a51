//! Goroutines that are started and never end.

use super::collections::since_collection;
use super::growth::{Growth, how_much_longer};
use super::open_sockets::{POOL_SECONDS, arrivals};
use super::owners::held_by_goroutines;
use super::stand_ins::summed_up;
use super::streams::streams;
use super::threshold::Threshold;
use super::words::{clear, unsure};
use super::{Explanation, Need, Rule, Verdict};
use crate::event::GoCounters;
use crate::ledger::trend::Trend;
use crate::process::Process;
use crate::report::{Evidence, GoroutineSite, Goroutines, StackFrame, mib};

/// A service that takes up work starts some; of the leaks measured each left 20 a second.
const LEAST_GROWTH: Threshold = Threshold::new(50.0);
/// A pool of workers of usual size is complete by then, or after [`POOL_SECONDS`].
const POOL_GROWTH: Threshold = Threshold::new(200.0);
/// Sites named.
const MAX_SITES: usize = 5;
/// A site with less than this share of the growth is not named.
const LEAST_SHARE: Threshold = Threshold::new(0.05);
/// Of the new ones, so many may be at work, rather than wait.
const MOST_AT_WORK: Threshold = Threshold::new(0.5);
/// Of the time from the first collection to the last, for which the runtime notes who waits, so long at
/// least has one of them waited: those that leak never run again, while each worker of a pool is given
/// work in its turn.
const LEAST_WAIT: Threshold = Threshold::new(0.5);
/// What goroutines do that are at work.
const AT_WORK: &[&str] = &["running", "runnable", IN_CALL];
/// In the kernel: at work, or stuck there.
const IN_CALL: &str = "syscall";

/// Goroutines that wait for what never comes.
pub struct GoroutineLeak;

impl Rule for GoroutineLeak {
    fn name(&self) -> &'static str {
        "goroutine-leak"
    }

    fn title(&self) -> &'static str {
        "goroutines are started and never end"
    }

    fn explain(&self) -> Explanation {
        Explanation {
            looks_for: "The number of goroutines, read from the runtime every second. It is found \
                when it rises steadily, with 95 % confidence, by at least 50, as fast at the \
                end as at the beginning, and most of the new ones wait, at least one of \
                them for half of the time. Each keeps its stack (2 KiB at least) and all that its variables refer to.",
            refuted_by: "Goroutines that end when the load does, or a number that levels off when \
                watched longer: a pool of workers.",
            remedy: "Give what they wait for an end: close the channel, send on a buffered channel \
                whose reader may have left, pass a context that is cancelled, set a deadline.",
            false_friends: "A pool that grows to its size and stays: its workers are woken in turn, so none \
                waits for long, and then this rule is not sure. Goroutines in system calls may be at \
                work or stuck there. Connections that all are \
                still open, and streams of one of them: each needs its goroutines.",
            example: EXAMPLE,
        }
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Time]
    }

    fn judge(&self, process: &Process) -> Verdict {
        let counters = process.go().counters();
        if counters.seen() == 0 {
            return unsure("the Go runtime was not read");
        }
        match goroutines(process) {
            Growth::TooEarly { readings, seconds } => {
                unsure(how_much_longer(readings, seconds, "reading"))
            }
            Growth::Flat(trend) | Growth::Levelled(trend) => clear(format!(
                "goroutines went from {} to {} in {:.0} s",
                trend.first, trend.last, trend.seconds
            )),
            Growth::Unsteady(trend) => unsure(format!(
                "goroutines went from {} to {}, but not steadily: a pool that fills \
                 does that too. Watch until it stops, or goes on",
                trend.first, trend.last
            )),
            Growth::Steady(trend) => match arrivals(process) {
                Some(arrivals) => unsure(format!("goroutines grow, but {arrivals}")),
                None => grown(process, &trend),
            },
        }
    }
}

/// How their number moves.
pub(super) fn goroutines(process: &Process) -> Growth {
    let count = |now: &GoCounters| Some(now.goroutines);
    Growth::of_count(process.go().counters(), count, LEAST_GROWTH.get())
}

/// The sites that make out the growth, most first.
pub(super) fn growing<'a>(goroutines: &'a Goroutines, trend: &Trend) -> Vec<&'a GoroutineSite> {
    let least = (LEAST_SHARE.get() * trend.growth() as f64).max(1.0) as i64;
    let grows = |site: &&GoroutineSite| site.growth.is_some_and(|growth| growth >= least);
    let mut sites: Vec<&GoroutineSite> = goroutines.sites.iter().filter(grows).collect();
    sites.sort_by_key(|site| std::cmp::Reverse(site.growth));
    sites
}

/// By how much some sites grew together.
pub(super) fn gained<'a>(sites: impl IntoIterator<Item = &'a &'a GoroutineSite>) -> i64 {
    sites.into_iter().filter_map(|site| site.growth).sum()
}

fn grown(process: &Process, trend: &Trend) -> Verdict {
    let pool_seconds = POOL_SECONDS.get();
    if (trend.growth() as f64) < POOL_GROWTH.get() && trend.seconds < pool_seconds {
        return unsure(format!(
            "goroutines went from {} to {}, which may still be a pool that fills: watch for {:.0} s \
             more",
            trend.first,
            trend.last,
            (pool_seconds - trend.seconds).ceil()
        ));
    }
    let Some(goroutines) = Goroutines::on(process) else {
        return unsure(format!(
            "goroutines went from {} to {}, but who created them was not read",
            trend.first, trend.last
        ));
    };
    let mut sites = growing(&goroutines, trend);
    let is_at_work = |site: &&&GoroutineSite| {
        let doing = site.waiting_on.as_deref();
        doing.is_some_and(|doing| AT_WORK.contains(&doing))
    };
    let (all, at_work) = (gained(&sites), gained(sites.iter().filter(is_at_work)));
    if at_work as f64 > MOST_AT_WORK.get() * all as f64 {
        return unsure(match sites.iter().find(|site| is_in_call(site)) {
            Some(site) => stuck_or_at_work(site, trend),
            None => format!(
                "goroutines went from {} to {}, but most of the new ones are at work: load that rises \
                 does that. Watch under steady load",
                trend.first, trend.last
            ),
        });
    }
    if let Some(why) = woken(process, &sites, trend).or_else(|| streams(process)) {
        return unsure(why);
    }
    sites.truncate(MAX_SITES);
    Verdict::Found {
        headline: format!(
            "goroutines grew from {} to {} in {:.0} s ({:+.0} a minute), and they wait",
            trend.first,
            trend.last,
            trend.seconds,
            trend.slope * 60.0
        ),
        evidence: sites
            .iter()
            .map(|site| evidence(site))
            .chain(held_by_goroutines(process))
            .collect(),
        origins: summed_up(sites.iter().flat_map(|site| lines(site))),
        refuted_by: "goroutines that end when the load does, or a number that levels off"
            .to_owned(),
        remedy:
            "Give what these goroutines wait for an end: close the channel, cancel the context, \
            set a deadline, or buffer the channel whose reader may have left."
                .to_owned(),
        leak: true,
    }
}

fn is_in_call(site: &GoroutineSite) -> bool {
    site.waiting_on.as_deref() == Some(IN_CALL)
}

/// Why goroutines in system calls are not said to leak, by the site with most of them.
fn stuck_or_at_work(site: &GoroutineSite, trend: &Trend) -> String {
    let ended = site.ended.map_or(String::new(), |ended| {
        format!(", of which {ended} ended while watching")
    });
    format!(
        "goroutines went from {} to {}, and most of the new ones are in system calls, {:+} of them \
         started at {}{ended}. The runtime does not tell whether they are stuck there or at work: if \
         /proc/PID/task/*/syscall names the same call for the same threads again and again, and it is \
         not futex (amd64: 202), they are stuck",
        trend.first,
        trend.last,
        site.growth.unwrap_or(0),
        started(site).place(),
    )
}

/// That none of the goroutines has waited for long, where that is known of each site or of others.
fn woken(process: &Process, sites: &[&GoroutineSite], trend: &Trend) -> Option<String> {
    let (noted, _) = process.go().after_gc().iter().last()?;
    // A collection notes who waits: where others were noted, those that were not have run since.
    let census = process.go().goroutines()?.last();
    let mut groups = census.groups.iter();
    let are_noted = groups.any(|group| group.longest_wait_ns.is_some());
    let since = since_collection(process)?;
    let wait = |site: &&GoroutineSite| site.longest_wait_seconds.or(are_noted.then_some(since));
    let waits = sites.iter().map(wait).collect::<Option<Vec<f64>>>()?;
    let longest = waits.into_iter().reduce(f64::max)?;
    (longest < LEAST_WAIT.get() * noted).then(|| {
        format!(
            "goroutines went from {} to {}, but none of the new ones has waited for more than \
             {longest:.0} of {:.0} s: workers that are given work in turn do that, and leaked ones that \
             a timer wakes. Watch until their number stops: a pool stops at its size, a leak does not",
            trend.first, trend.last, trend.seconds
        )
    })
}

fn evidence(site: &GoroutineSite) -> Evidence {
    let doing = match (site.waits.first(), &site.waiting_on) {
        (Some(wait), _) => format!(", most in {}", wait.place()),
        (None, Some(doing)) => format!(", most in {doing}"),
        (None, None) => String::new(),
    };
    Evidence::fact(format!(
        "{:+} of {}, {} now{doing}, with {} of stacks",
        site.growth.unwrap_or(0),
        site.start.place(),
        site.count,
        mib(site.stack_bytes)
    ))
}

/// Where they were started, else what they began with.
pub(super) fn started(site: &GoroutineSite) -> &StackFrame {
    site.created_by.as_ref().unwrap_or(&site.start)
}

/// The service's own lines that had them started, where these are known; else where that was. With the
/// bytes of their stacks.
fn lines(site: &GoroutineSite) -> Vec<(StackFrame, u64)> {
    if site.asked_by.is_empty() {
        return vec![(started(site).clone(), site.stack_bytes)];
    }
    let all: u64 = site.asked_by.iter().map(|own| own.created).sum();
    let share = |created: u64| site.stack_bytes as f64 * created as f64 / all.max(1) as f64;
    let asked_by = site.asked_by.iter();
    asked_by
        .map(|own| (own.line.clone(), share(own.created) as u64))
        .collect()
}

const EXAMPLE: &str = "\
package main

import \"time\"

func main() {
	for {
		answer := make(chan int)
		go func() { answer <- 1 }() // nobody reads: it waits for ever
		time.Sleep(10 * time.Millisecond)
	}
}
";
