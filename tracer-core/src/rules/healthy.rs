//! Nothing grows, and that was seen, not assumed.

use super::collections::since_collection;
use super::growth::{Growth, MIN_SECONDS, at_rest, how_much_longer};
use super::heap_growth::live_heap;
use super::threshold::Threshold;
use super::words::{clear, per_minute, unsure};
use super::{Explanation, FileMappingGrowth, Need, Rule, Verdict};
use crate::event::{GoCounters, GoResidency, MemorySample};
use crate::ledger::descriptors::OtherCount;
use crate::ledger::trend::Trend;
use crate::process::{Process, SocketReading};
use crate::report::{Evidence, mib, plural, signed_mib};

/// Fewer new sockets, files or goroutines come and go with the load.
const LEAST_COUNT: Threshold = Threshold::new(50.0);

/// Fewer bytes of files come and go as code is run for the first time.
const LEAST_FILE_BYTES: f64 = 8.0 * 1_048_576.0;

/// Memory, live heap, goroutines and sockets that stay as they are.
pub struct Healthy;

impl Rule for Healthy {
    fn name(&self) -> &'static str {
        "healthy"
    }

    fn title(&self) -> &'static str {
        "memory, live heap, goroutines and sockets stay as they are"
    }

    fn explain(&self) -> Explanation {
        Explanation {
            looks_for: "All that could grow, measured for at least nine seconds: RSS without what \
                was given back, the live heap after collections (or, when none ran, the heap in \
                use), goroutines, open sockets and other descriptors. It is found when none of them \
                grows by an amount that matters; RSS may, but by garbage and free heap, which the \
                collector keeps up to its goal.",
            refuted_by: "A longer look, or another load: a leak that is slower than 0.3 MB a second, \
                or that needs requests which did not come, is not seen.",
            remedy: "Nothing. To be alerted, watch the live heap after collections, not RSS.",
            false_friends: "A service without load looks healthy whatever its code does.",
            example: EXAMPLE,
        }
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Time, Need::Sockets]
    }

    fn judge(&self, process: &Process) -> Verdict {
        let go = process.go();
        if go.counters().seen() == 0 {
            return unsure("the Go runtime was not read");
        }
        // Pages of files are cache, and growing mappings have a rule of their own.
        // Where some readings tell how much is lazily freed, the others do not compare.
        let readings = process.memory().readings();
        let is_told = readings
            .iter()
            .any(|(_, sample)| sample.lazy_free.is_some());
        let in_use = Growth::of_bytes(readings, |sample| {
            let own = sample.anonymous.saturating_add(sample.shared.unwrap_or(0));
            let lazily_freed = if is_told { sample.lazy_free? } else { 0 };
            Some(own.saturating_sub(lazily_freed))
        });
        match FileMappingGrowth.judge(process) {
            Verdict::Unsure { missing } => return unsure(missing),
            Verdict::Found { headline, .. } => return clear(headline),
            Verdict::Clear { .. } => {}
        }
        let (used, movement) = match in_use {
            Growth::Flat(trend) => (trend, at_rest(&trend, false)),
            Growth::Levelled(trend) => (trend, at_rest(&trend, true)),
            Growth::TooEarly { readings, seconds } => {
                return unsure(how_much_longer(readings, seconds, "sample"));
            }
            Growth::Unsteady(trend) | Growth::Steady(trend)
                if let Some(rest) = without_room(process) =>
            {
                let (moved, rest) = (at_rest(&trend, false), signed_mib(rest.growth()));
                (
                    trend,
                    format!("{moved} ({rest} without garbage and free heap)"),
                )
            }
            Growth::Unsteady(trend) => {
                return unsure(format!(
                    "the memory in use grew by {}, but not steadily. Watch until it \
                     stops, or goes on",
                    mib(trend.growth().unsigned_abs())
                ));
            }
            Growth::Steady(trend) => {
                return clear(format!("the memory in use grew by {}", amount(&trend)));
            }
        };
        let heap = match heap(process) {
            Ok(heap) => heap,
            Err(verdict) => return verdict,
        };
        for (what, movement) in counts(process) {
            if let Growth::Steady(trend) | Growth::Unsteady(trend) = movement {
                return clear(format!(
                    "{what} went from {} to {}",
                    trend.first, trend.last
                ));
            }
        }
        if let Some(grown) = other_descriptors(process) {
            return unsure(grown);
        }
        Verdict::Found {
            headline: format!(
                "nothing grows: the memory in use {movement} in {:.0} s, {heap}{}",
                used.seconds,
                pages_of_files(process)
            ),
            evidence: vec![
                Evidence::bytes("memory in use: RSS without files and LazyFree", used.last),
                Evidence::growth("growth of it", used.growth()),
                Evidence::fact(heap),
            ],
            origins: Vec::new(),
            refuted_by: "a longer look, or a look under the load that the complaint is about"
                .to_owned(),
            remedy: "Nothing to do.".to_owned(),
            leak: false,
        }
    }
}

/// Pages of files are part of RSS: that they became more, if they did.
fn pages_of_files(process: &Process) -> String {
    let file = |sample: &MemorySample| sample.file;
    let Some(trend) = process.memory().readings().trend(file) else {
        return String::new();
    };
    let grown = trend.last.saturating_sub(trend.first);
    if (grown as f64) < LEAST_FILE_BYTES {
        return String::new();
    }
    format!(
        "; resident pages of files, which the kernel takes back when it needs them, became {} more",
        mib(grown)
    )
}

/// How the memory in use moves without the garbage and the free heap that the collector keeps up to its
/// goal, if that does not grow.
fn without_room(process: &Process) -> Option<Trend> {
    let go = process.go();
    let used = |now: &GoResidency| {
        let heap = now.heap_live.saturating_add(now.stacks);
        Some(heap.saturating_add(now.runtime).saturating_add(now.native))
    };
    // What was allocated since the last collection may be kept.
    let is_recent = since_collection(process).is_some_and(|since| since <= MIN_SECONDS.get());
    let resting = |growth| match growth {
        Growth::Flat(trend) | Growth::Levelled(trend) => Some(trend),
        _ => None,
    };
    resting(live_heap(process)).filter(|_| is_recent)?;
    resting(Growth::of_bytes(go.residency(), used))
}

/// How much, in what time, and how fast: `12.3 MiB in 30 s (+24.6 MiB a minute)`.
fn amount(trend: &Trend) -> String {
    let grown = mib(trend.growth().unsigned_abs());
    let rate = per_minute(trend.slope);
    format!("{grown} in {:.0} s ({rate})", trend.seconds)
}

/// What the heap does, in words, if it does not grow.
fn heap(process: &Process) -> Result<String, Verdict> {
    let go = process.go();
    match live_heap(process) {
        movement @ (Growth::Flat(trend) | Growth::Levelled(trend)) => Ok(format!(
            "the live heap {} over {} collections",
            at_rest(&trend, matches!(movement, Growth::Levelled(_))),
            trend.samples
        )),
        Growth::Steady(trend) => Err(clear(format!("the live heap grew by {}", amount(&trend)))),
        Growth::Unsteady(_) => Err(unsure(
            "the live heap grew, but not steadily. Watch until it stops, or goes on",
        )),
        // Hardly anything is allocated, or collections are rare.
        Growth::TooEarly { .. } => {
            let rests = |trend: &Trend, has_levelled| {
                Ok(format!(
                    "the heap in use {} ({} seen)",
                    at_rest(trend, has_levelled),
                    plural(go.gc_cycles(), "collection")
                ))
            };
            match Growth::of_bytes(go.counters(), |now: &GoCounters| Some(now.heap_alloc)) {
                Growth::Flat(trend) => rests(&trend, false),
                Growth::Levelled(trend) => rests(&trend, true),
                // Between collections it always climbs, so that large teeth have no certain slope.
                Growth::Unsteady(trend) if trend.interval.0 <= 0.0 => rests(&trend, false),
                Growth::TooEarly { readings, seconds } => {
                    Err(unsure(how_much_longer(readings, seconds, "reading")))
                }
                Growth::Steady(trend) | Growth::Unsteady(trend) => Err(unsure(format!(
                    "the heap in use grew by {}, {} seen: whether that is garbage shows when some \
                     more have run",
                    mib(trend.growth().unsigned_abs()),
                    plural(go.gc_cycles(), "collection")
                ))),
            }
        }
    }
}

/// That descriptors of another kind than sockets became more, in words: no rule judges these.
fn other_descriptors(process: &Process) -> Option<String> {
    let others = process.descriptors().others()?;
    let grown = |count: &OtherCount| count.last.saturating_sub(count.first) as f64;
    let mut others = others.iter();
    let (kind, count) = others.find(|(_, count)| grown(count) >= LEAST_COUNT.get())?;
    let OtherCount { first, last } = count;
    Some(format!(
        "open descriptors of the kind {kind} went from {first} to {last}, which no rule judges. Go closes \
         those that nobody refers to any more, late, at collections ({} seen): what still grows after \
         some more is never closed. /proc/PID/fd tells what they are",
        process.go().gc_cycles()
    ))
}

fn counts(process: &Process) -> [(&'static str, Growth); 2] {
    let goroutines = |now: &GoCounters| Some(now.goroutines);
    let open = |now: &SocketReading| Some(now.open);
    [
        (
            "goroutines",
            Growth::of_count(process.go().counters(), goroutines, LEAST_COUNT.get()),
        ),
        (
            "open sockets",
            Growth::of_count(process.sockets(), open, LEAST_COUNT.get()),
        ),
    ]
}

const EXAMPLE: &str = "\
package main

import \"time\"

func main() {
	live := make([][]byte, 100)
	for n := 0; ; n++ {
		live[n%len(live)] = make([]byte, 64<<10) // as much goes as comes
		time.Sleep(time.Millisecond)
	}
}
";
