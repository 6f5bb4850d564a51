//! Goroutines that are started and never end.

use super::growth::{Growth, how_much_longer};
use super::open_sockets::{POOL_SECONDS, arrivals};
use super::owners::held_by_goroutines;
use super::threshold::Threshold;
use super::words::{clear, unsure};
use super::{Explanation, Need, Rule, Verdict};
use crate::ledger::trend::Trend;
use crate::process::Process;
use crate::report::{Evidence, GoroutineSite, Goroutines, Origin, StackFrame};

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
/// What goroutines do that are at work.
const AT_WORK: &[&str] = &["running", "runnable", "syscall"];

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
                when it rises steadily, with 95 % confidence, by at least 50, as fast in the \
                second half of the time as in the first, and most of the new ones wait. Each keeps \
                its stack (2 KiB at least) and all that its variables refer to.",
            refuted_by: "Goroutines that end when the load does, or a number that levels off when \
                watched longer: a pool of workers.",
            remedy: "Give what they wait for an end: close the channel, send on a buffered channel \
                whose reader may have left, pass a context that is cancelled, set a deadline.",
            false_friends: "A pool that grows to its size and stays. Connections that all are \
                still open: each needs its goroutines.",
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
        let count = |now: &crate::event::GoCounters| Some(now.goroutines);
        match Growth::of_count(counters, count, LEAST_GROWTH.get()) {
            Growth::TooEarly { readings, seconds } => {
                unsure(how_much_longer(readings, seconds, "reading"))
            }
            Growth::Flat(trend) | Growth::Levelled(trend) => clear(format!(
                "goroutines went from {} to {} in {:.0} s",
                trend.first, trend.last, trend.seconds
            )),
            Growth::Slowing(trend) => unsure(format!(
                "goroutines went from {} to {}, but slower in the second half: a pool that fills \
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
    let least = (LEAST_SHARE.get() * trend.growth() as f64).max(1.0) as i64;
    let grows = |site: &&GoroutineSite| site.growth.is_some_and(|growth| growth >= least);
    let mut sites: Vec<&GoroutineSite> = goroutines.sites.iter().filter(grows).collect();
    sites.sort_by_key(|site| std::cmp::Reverse(site.growth));
    let is_at_work = |site: &&&GoroutineSite| {
        let doing = site.waiting_on.as_deref();
        doing.is_some_and(|doing| AT_WORK.contains(&doing))
    };
    let growth = |sites: &mut dyn Iterator<Item = &&GoroutineSite>| -> i64 {
        sites.filter_map(|site| site.growth).sum()
    };
    let (all, at_work) = (
        growth(&mut sites.iter()),
        growth(&mut sites.iter().filter(is_at_work)),
    );
    if at_work as f64 > MOST_AT_WORK.get() * all as f64 {
        return unsure(format!(
            "goroutines went from {} to {}, but most of the new ones are at work: load that rises \
             does that. Watch under steady load",
            trend.first, trend.last
        ));
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
        origins: sites.iter().map(|site| origin(site)).collect(),
        refuted_by: "goroutines that end when the load does, or a number that levels off"
            .to_owned(),
        remedy:
            "Give what these goroutines wait for an end: close the channel, cancel the context, \
            set a deadline, or buffer the channel whose reader may have left."
                .to_owned(),
        leak: true,
    }
}

fn evidence(site: &GoroutineSite) -> Evidence {
    let doing = site
        .waiting_on
        .as_ref()
        .map_or(String::new(), |doing| format!(", most in {doing}"));
    Evidence::fact(format!(
        "{:+} of {}, {} now{doing}",
        site.growth.unwrap_or(0),
        site.start.place(),
        site.count
    ))
}

/// Where they were started, else what they began with.
fn origin(site: &GoroutineSite) -> Origin {
    let line: &StackFrame = site.created_by.as_ref().unwrap_or(&site.start);
    Origin {
        line: line.clone(),
        opened: None,
        closed: None,
        bytes: Some(site.stack_bytes),
    }
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
