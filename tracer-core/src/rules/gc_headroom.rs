//! Memory that the Go runtime keeps for the next collection: RSS above the live heap.

use super::threshold::Threshold;
use super::words::{clear, percent, unsure};
use super::{Explanation, Rule, Verdict};
use crate::event::{GoCounters, GoResidency};
use crate::process::Process;
use crate::report::{Evidence, mib};

/// Below this nobody asks.
const MATERIAL_BYTES: Threshold = Threshold::new(16.0 * 1_048_576.0);
/// With GOGC=100 garbage and free room are as large as what is live; more is worth a word.
const MATERIAL_SHARE: Threshold = Threshold::new(0.35);

/// Room that `GOGC` and `GOMEMLIMIT` leave for garbage.
pub struct GcHeadroom;

impl Rule for GcHeadroom {
    fn name(&self) -> &'static str {
        "gc-headroom"
    }

    fn title(&self) -> &'static str {
        "much of RSS is room that the garbage collector keeps between collections"
    }

    fn explain(&self) -> Explanation {
        Explanation {
            looks_for: "Resident heap that holds no live object: garbage that waits for the next \
                collection, and free spans that were not given back yet. It is found when that is \
                at least 16 MiB and a third of RSS. With GOGC=100 a collection starts when the heap \
                has doubled since the last one, so half of it is expected to be garbage.",
            refuted_by: "Live heap after collections that grows: then there is more to find.",
            remedy: "Lower GOGC to trade CPU for memory, or set GOMEMLIMIT and leave GOGC as it is. \
                Nothing is lost: the memory is used again.",
            false_friends: "Memory given back with MADV_FREE is free too, but no longer the \
                collector's: see lazily-freed.",
            example: EXAMPLE,
        }
    }

    fn judge(&self, process: &Process) -> Verdict {
        let go = process.go();
        let (Some(residency), Some(counters)) = (go.residency().last(), go.counters().last())
        else {
            return unsure("where the memory of the Go runtime is was not read");
        };
        let Some(rss) = process.memory().last().map(|sample| sample.rss) else {
            return unsure("no memory sample could be read");
        };
        let GoResidency {
            heap_live,
            heap_dead,
            heap_free,
            ..
        } = *residency;
        let headroom = heap_dead.saturating_add(heap_free);
        if headroom > rss {
            return unsure("RSS moved too much while it was read where the heap's memory is");
        }
        let share = percent(headroom, rss);
        let material = MATERIAL_BYTES.get().max(MATERIAL_SHARE.get() * rss as f64);
        if (headroom as f64) < material {
            return clear(format!(
                "{} of {} RSS ({share}) are garbage and free heap",
                mib(headroom),
                mib(rss)
            ));
        }
        Verdict::Found {
            headline: format!(
                "{} of {} RSS ({share}) are room that the garbage collector keeps: {} of garbage or \
                 not collected yet, {} of free heap",
                mib(headroom),
                mib(rss),
                mib(heap_dead),
                mib(heap_free)
            ),
            evidence: vec![
                Evidence::bytes("live objects, resident", heap_live),
                Evidence::bytes("garbage, or not collected yet, resident", heap_dead),
                Evidence::bytes("free heap, resident", heap_free),
                Evidence::bytes("the next collection ends at", counters.next_gc),
            ],
            origins: Vec::new(),
            refuted_by: "RSS that stays where it is with a lower GOGC or GOMEMLIMIT".to_owned(),
            remedy: remedy(counters),
            leak: false,
        }
    }
}

fn remedy(counters: &GoCounters) -> String {
    let now = match (counters.gc_percent, counters.memory_limit) {
        (Some(percent), _) if percent > 100 => {
            format!(
                "GOGC is {percent}: the heap may grow to {:.1} times what is live. Lower it",
                1.0 + f64::from(percent) / 100.0
            )
        }
        (Some(percent), _) => format!("GOGC is {percent}. Lower it"),
        (None, Some(limit)) => format!(
            "GOGC is off: the heap grows until GOMEMLIMIT ({}). Lower that",
            mib(limit)
        ),
        (None, None) => "GOGC is off, and nothing is collected. Set it".to_owned(),
    };
    format!(
        "{now} to trade CPU for memory, or leave it: the memory is used again, and nothing is lost."
    )
}

const EXAMPLE: &str = "\
// GOGC=400
package main

import \"time\"

func main() {
	live := make([][]byte, 1000)
	for n := 0; ; n++ {
		live[n%len(live)] = make([]byte, 64<<10) // the rest is garbage
		time.Sleep(time.Millisecond)
	}
}
";
