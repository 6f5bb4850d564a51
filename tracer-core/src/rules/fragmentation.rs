//! Spans of which few objects are left: memory that is neither used nor given back.

use super::threshold::Threshold;
use super::words::{clear, percent, unsure};
use super::{Explanation, Rule, Verdict};
use crate::event::SpanClass;
use crate::process::Process;
use crate::report::{Evidence, mib};

/// Below this nobody asks.
const MATERIAL_BYTES: Threshold = Threshold::new(16.0 * 1_048_576.0);
/// Spans fill up again as long as less than this share of them is free.
const MATERIAL_SHARE: Threshold = Threshold::new(0.4);
/// Size classes named.
const MAX_CLASSES: usize = 5;

/// Free room between objects.
pub struct Fragmentation;

impl Rule for Fragmentation {
    fn name(&self) -> &'static str {
        "fragmentation"
    }

    fn title(&self) -> &'static str {
        "much of the heap is free room between the objects that are left"
    }

    fn explain(&self) -> Explanation {
        Explanation {
            looks_for: "The spans of the Go heap, size class by size class: how many objects would \
                fit, and how many are there. A span goes back only when all its objects are gone. \
                It is found when at least 16 MiB and two fifths of the spans' bytes are free.",
            refuted_by: "Free room that shrinks when the load comes back: it is used again.",
            remedy: "Allocate what lives long together, apart from what lives short: load it into \
                slices of values instead of many small objects, or copy the survivors after a peak.",
            false_friends: "Garbage that was not collected yet counts as objects here, so right \
                before a collection the heap looks fuller than it is.",
            example: EXAMPLE,
        }
    }

    fn judge(&self, process: &Process) -> Verdict {
        let Some(spans) = process.go().spans().last() else {
            return unsure("the spans of the Go heap were not read");
        };
        let small = spans.classes.iter().filter(|class| class.object_bytes > 0);
        let mut small: Vec<(u64, &SpanClass)> = small.map(|class| (free(class), class)).collect();
        let all = spans
            .classes
            .iter()
            .fold(0, |sum: u64, class| sum.saturating_add(class.bytes));
        let free = small
            .iter()
            .fold(0, |sum: u64, (free, _)| sum.saturating_add(*free));
        let share = percent(free, all);
        let material = MATERIAL_BYTES.get().max(MATERIAL_SHARE.get() * all as f64);
        if (free as f64) < material {
            return clear(format!(
                "{} of {} in spans ({share}) are free room between objects",
                mib(free),
                mib(all)
            ));
        }
        small.sort_by_key(|(free, _)| std::cmp::Reverse(*free));
        let evidence = small.iter().take(MAX_CLASSES).map(|(free, class)| {
            let what = format!(
                "free between objects of {} bytes: {} of {} places are taken",
                class.object_bytes, class.objects, class.slots
            );
            Evidence::bytes(what, *free)
        });
        Verdict::Found {
            headline: format!(
                "{} of {} in spans of the heap ({share}) are free room between the objects left",
                mib(free),
                mib(all)
            ),
            evidence: evidence.collect(),
            origins: Vec::new(),
            refuted_by: "free room that shrinks when the load comes back".to_owned(),
            remedy:
                "Nothing is lost: the room is used for objects of the same size. Keep what lives \
                long apart from what lives short, or copy the survivors after a peak."
                    .to_owned(),
            leak: false,
        }
    }
}

/// Bytes of a class that hold no object.
fn free(class: &SpanClass) -> u64 {
    let places = class.slots.saturating_sub(class.objects);
    places.saturating_mul(class.object_bytes).min(class.bytes)
}

const EXAMPLE: &str = "\
package main

import (
	\"runtime\"
	\"time\"
)

func main() {
	all := make([]*[1 << 10]byte, 100_000)
	for n := range all {
		all[n] = new([1 << 10]byte)
	}
	for n := range all {
		if n%8 != 0 { // one survivor in each span keeps all of it
			all[n] = nil
		}
	}
	runtime.GC()
	time.Sleep(time.Hour)
	runtime.KeepAlive(all)
}
";
