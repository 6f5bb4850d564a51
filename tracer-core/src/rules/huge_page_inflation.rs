//! Huge pages that are resident as a whole for a few objects in them.

use super::threshold::Threshold;
use super::words::{clear, percent, unsure};
use super::{Explanation, Rule, Verdict};
use crate::process::Process;
use crate::report::{Evidence, mib};

/// Below this nobody asks.
const MATERIAL_BYTES: Threshold = Threshold::new(16.0 * 1_048_576.0);
/// Below this share of RSS something else explains the memory.
const MATERIAL_SHARE: Threshold = Threshold::new(0.2);

/// Memory that only huge pages make resident.
pub struct HugePageInflation;

impl Rule for HugePageInflation {
    fn name(&self) -> &'static str {
        "huge-page-inflation"
    }

    fn title(&self) -> &'static str {
        "huge pages keep free memory resident"
    }

    fn explain(&self) -> Explanation {
        Explanation {
            looks_for: "Free heap that is resident, and at least as much anonymous memory in huge \
                pages. The kernel gives and takes 2 MiB at a time there: one object keeps all of \
                it, and what the scavenger gave back may come back whole. It is found when that is \
                at least 16 MiB and a fifth of RSS.",
            refuted_by: "RSS that stays the same with huge pages off \
                (/sys/kernel/mm/transparent_hugepage/enabled set to madvise, or Go's \
                GODEBUG=disablethp=1 from 1.21 on).",
            remedy: "Set transparent_hugepage/khugepaged/max_ptes_none to 0, or switch huge pages \
                to madvise; a small service gains little from them.",
            false_friends: "Huge pages full of live objects: there they save time and cost nothing.",
            example: EXAMPLE,
        }
    }

    fn judge(&self, process: &Process) -> Verdict {
        let Some(sample) = process.memory().last() else {
            return unsure("no memory sample could be read");
        };
        // Not every sample tells.
        let readings = process.memory().readings().iter();
        let Some(huge) = readings.filter_map(|(_, sample)| sample.anon_huge).last() else {
            return unsure("the kernel does not tell how much is in huge pages");
        };
        if (huge as f64) < MATERIAL_BYTES.get() {
            return clear(format!(
                "{} of {} RSS are in huge pages",
                mib(huge),
                mib(sample.rss)
            ));
        }
        let Some(residency) = process.go().residency().last() else {
            return unsure(format!(
                "{} are in huge pages, but how much of them is free was not read",
                mib(huge)
            ));
        };
        let inflated = residency.heap_free.min(huge);
        let share = percent(inflated, sample.rss);
        let material = MATERIAL_BYTES
            .get()
            .max(MATERIAL_SHARE.get() * sample.rss as f64);
        if (inflated as f64) < material {
            return clear(format!(
                "{} are in huge pages, and {} of resident heap are free ({share} of RSS)",
                mib(huge),
                mib(residency.heap_free)
            ));
        }
        Verdict::Found {
            headline: format!(
                "up to {} of {} RSS ({share}) are free heap that huge pages may keep resident",
                mib(inflated),
                mib(sample.rss)
            ),
            evidence: vec![
                Evidence::bytes("anonymous memory in huge pages", huge),
                Evidence::bytes("free heap, resident", residency.heap_free),
                Evidence::bytes("live objects, resident", residency.heap_live),
            ],
            origins: Vec::new(),
            refuted_by: "RSS that stays the same with huge pages switched off".to_owned(),
            remedy:
                "Set /sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none to 0 or huge \
                pages to madvise, or start with GODEBUG=disablethp=1 (Go 1.21 and newer)."
                    .to_owned(),
            leak: false,
        }
    }
}

const EXAMPLE: &str = "\
// with /sys/kernel/mm/transparent_hugepage/enabled set to always
package main

import (
	\"runtime\"
	\"time\"
)

func main() {
	var kept [][]byte
	for n := 0; n < 100_000; n++ {
		page := make([]byte, 8<<10)
		if n%256 == 0 { // one in each huge page
			kept = append(kept, page)
		}
	}
	runtime.GC()
	time.Sleep(time.Hour)
	runtime.KeepAlive(kept)
}
";
