//! Memory of connections that are closed, and that something keeps all the same.

use super::collections::{how_many_more, is_stale};
use super::growth::Growth;
use super::heap_growth::{live_evidence, live_heap, returns};
use super::open_sockets::{kib, staying};
use super::stand_ins::Attribution;
use super::threshold::Threshold;
use super::words::{clear, per_minute, unsure};
use super::{Explanation, Need, Rule, Verdict};
use crate::ledger::trend::Trend;
use crate::process::{Process, SocketReading};
use crate::report::{Evidence, Heap, RootLine, StackFrame, mib, outside_runtime};

/// Fewer closed connections tell nothing of what is kept for each.
const LEAST_CLOSED: Threshold = Threshold::new(50.0);
/// The open sockets were replaced this often: what the first ones needed must be free by now.
const LEAST_TURNOVER: Threshold = Threshold::new(2.0);
/// Sockets that fall by a smaller share stay as they are.
const LEAST_FALL: Threshold = Threshold::new(0.1);
/// Growing sites named.
const MAX_SITES: usize = 5;

/// Requests, sessions or connections that a map or cache keeps when they are over.
pub struct RetainedAfterClose;

impl Rule for RetainedAfterClose {
    fn name(&self) -> &'static str {
        "retained-after-close"
    }

    fn title(&self) -> &'static str {
        "connections are closed, and what was allocated for them stays"
    }

    fn explain(&self) -> Explanation {
        Explanation {
            looks_for: "Opposite trends: the live heap grows from collection to collection while \
                open sockets fall, or stay the same although all of them were replaced at least \
                twice. What is open cannot need the memory, so something long-lived keeps what was \
                allocated for connections that are closed.",
            refuted_by: "Growth that goes on without any connection: then the connections have \
                nothing to do with it. Memory that falls with the users.",
            remedy: "Look for a map in a package variable whose keys are requests, sessions or \
                connections, and delete the entry when they end (gorilla/context: ClearHandler).",
            false_friends: "Connections that the service itself dials and keeps, more and more of them, next \
                to many that it closes: those may need the memory. A service that loses users and \
                memory together. Users that arrive \
                steadily and stay: each needs its memory.",
            example: EXAMPLE,
        }
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Time, Need::Sockets]
    }

    fn judge(&self, process: &Process) -> Verdict {
        if process.go().counters().seen() == 0 {
            return unsure("the Go runtime was not read");
        }
        let (Some(first), Some(last)) = (process.sockets().first(), process.sockets().last())
        else {
            return unsure("the open sockets were not counted");
        };
        let closed = last.closed.saturating_sub(first.closed);
        if (closed as f64) < LEAST_CLOSED.get() {
            return clear(format!("only {closed} sockets were closed while watching"));
        }
        match live_heap(process) {
            Growth::TooEarly { readings, seconds } => {
                unsure(how_many_more(process, readings, seconds))
            }
            Growth::Flat(_) | Growth::Levelled(_) => {
                clear("the live heap does not grow while connections close")
            }
            Growth::Unsteady(_) => unsure(
                "the live heap grows while connections close, but not steadily. Watch \
                 until it stops, or goes on",
            ),
            Growth::Steady(_) if matches!(staying(process), Growth::Steady(_)) => clear(
                "connections that are dialled stay open, more and more of them: they may need the \
                 memory, however many others are closed",
            ),
            Growth::Steady(live) => match falling(process, closed) {
                // What fills after a start does not come with each connection.
                Some(how) => match returns(process).or_else(|| is_stale(process, &live)) {
                    Some(why) => unsure(format!("the live heap grows while {how}, but {why}")),
                    None => found(process, &live, closed, &how),
                },
                None => clear(format!(
                    "open sockets went from {} to {}: those that are open may need the memory",
                    first.open, last.open
                )),
            },
        }
    }
}

/// How the sockets moved, in words, if they do not explain the growth.
fn falling(process: &Process, closed: u64) -> Option<String> {
    let open = process
        .sockets()
        .trend(|now: &SocketReading| Some(now.open))?;
    let (first, last) = (open.first, open.last);
    let least_fall = LEAST_FALL.get();
    let fell = open.interval.1 < 0.0 && (last as f64) < (1.0 - least_fall) * first as f64;
    if fell {
        return Some(format!("open sockets fell from {first} to {last}"));
    }
    let most = first.max(last).max(1) as f64;
    let rose = last as f64 > (1.0 + least_fall) * first as f64 && open.interval.0 > 0.0;
    let turnover = closed as f64 / most;
    (!rose && turnover >= LEAST_TURNOVER.get()).then(|| {
        format!("open sockets went from {first} to {last}, replaced {turnover:.0} times over")
    })
}

fn found(process: &Process, live: &Trend, closed: u64, how: &str) -> Verdict {
    let mut evidence = live_evidence(live);
    evidence.push(Evidence::fact(format!("{how}; {closed} were closed")));
    let heap = Heap::on(process);
    // By rates: collections lie nearer to each other than the ends of the watch.
    let each = live.slope * process.seconds() / closed.max(1) as f64;
    evidence.push(Evidence::fact(format!(
        "that is {} for each closed socket",
        kib(each)
    )));
    let sites = heap.iter().flat_map(|heap| &heap.sites);
    let mut sites: Vec<_> = sites
        .filter(|site| site.growth_bytes.is_some_and(|growth| growth > 0))
        .collect();
    sites.sort_by_key(|site| std::cmp::Reverse(site.growth_bytes));
    sites.truncate(MAX_SITES);
    for site in &sites {
        let callers = outside_runtime(&site.stack).iter().take(3);
        let callers: Vec<String> = callers.map(StackFrame::place).collect();
        let what = format!("growth allocated in {}", callers.join(", called by "));
        evidence.push(Evidence::growth(what, site.growth_bytes.unwrap_or(0)));
    }
    let who = Attribution::of(process, heap.as_ref(), &sites);
    evidence.extend(who.evidence);
    let owner = who.owner.as_ref().map(RootLine::words);
    let held = owner.as_ref().map_or(String::new(), |owner| {
        format!("; what grows most is held by {owner}")
    });
    let remedy = match owner {
        Some(owner) => format!(
            "It is held by {owner}: delete there what belongs to a request, session or connection \
             when that ends{}.",
            if owner.contains("gorilla/context") {
                " (ClearHandler)"
            } else {
                ""
            }
        ),
        None => format!(
            "Something long-lived keeps what was allocated for connections that are closed: look for \
             a map or cache whose keys are requests, sessions or connections, and delete the entry \
             when they end. Owner not named: {}.",
            match process.go().holders() {
                Some(_) => "the search found none that is certain",
                None => "it was not searched for",
            }
        ),
    };
    Verdict::Found {
        headline: format!(
            "the live heap grew from {} to {} ({}) while {how}{held}",
            mib(live.first),
            mib(live.last),
            per_minute(live.slope)
        ),
        evidence,
        origins: who.origins,
        refuted_by: "growth that goes on when no connection is opened or closed".to_owned(),
        remedy,
        leak: true,
    }
}

const EXAMPLE: &str = "\
package main

import \"net/http\"

var seen = map[*http.Request]string{} // nobody deletes what is over

func main() {
	http.ListenAndServe(\":8080\", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen[r] = r.RemoteAddr
	}))
}
";
