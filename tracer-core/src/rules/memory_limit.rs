//! A cgroup's limit and `GOMEMLIMIT` that do not fit each other.

use super::threshold::Threshold;
use super::words::{clear, percent, unsure};
use super::{Explanation, Rule, Verdict};
use crate::event::GoCounters;
use crate::process::Process;
use crate::report::{Evidence, mib};

/// What the runtime does not count, and what comes in bursts, fits into the rest.
const SAFE_SHARE: Threshold = Threshold::new(0.9);
/// From here on a burst may end in a kill.
const NEAR_SHARE: Threshold = Threshold::new(0.75);
/// The runtime limits its collector to half of the CPU time (`runtime/mgclimit.go`).
const SPIRAL_CPU: Threshold = Threshold::new(0.25);
/// Live heap this near to the limit leaves no room to collect in.
const SPIRAL_SHARE: Threshold = Threshold::new(0.85);

/// A limit the runtime does not know of, or one that leaves it no room.
pub struct MemoryLimit;

impl Rule for MemoryLimit {
    fn name(&self) -> &'static str {
        "memory-limit"
    }

    fn title(&self) -> &'static str {
        "the memory limit of the cgroup and GOMEMLIMIT do not fit each other"
    }

    fn explain(&self) -> Explanation {
        Explanation {
            looks_for: "The limit of the memory cgroup, v1 or v2, beside GOMEMLIMIT and the memory \
                in use. It is found when the process uses three quarters of the limit and \
                GOMEMLIMIT is unset or above nine tenths of it, so that the kernel may kill before \
                the collector works harder; and when the live heap comes so near to GOMEMLIMIT \
                that a quarter of the CPU time goes into collections.",
            refuted_by: "A cgroup whose other processes use the memory, or page cache, which the \
                kernel drops before it kills.",
            remedy: "Set GOMEMLIMIT to about nine tenths of the cgroup's limit, less what C code and \
                mapped files need. If the live heap itself does not fit, raise the limit.",
            false_friends: "A high share of the limit alone: with GOMEMLIMIT set the runtime uses \
                what it is given.",
            example: EXAMPLE,
        }
    }

    fn judge(&self, process: &Process) -> Verdict {
        let Some(cgroup) = process.cgroup() else {
            return unsure("the memory cgroup could not be read");
        };
        let Some(sample) = process.memory().last() else {
            return unsure("no memory sample could be read");
        };
        let Some(counters) = process.go().counters().last() else {
            return unsure("the Go runtime was not read, and GOMEMLIMIT is not known");
        };
        if let Some(verdict) = spiral(process, counters) {
            return verdict;
        }
        let Some(limit) = cgroup.limit else {
            return clear("the cgroup has no memory limit");
        };
        let used = sample.rss.saturating_sub(sample.lazy_free.unwrap_or(0));
        let share = percent(used, limit);
        let safe = (SAFE_SHARE.get() * limit as f64) as u64;
        let is_told = counters.memory_limit.is_some_and(|told| told <= safe);
        if is_told || (used as f64) < NEAR_SHARE.get() * limit as f64 {
            let told = counters.memory_limit.map_or("not set".to_owned(), mib);
            return clear(format!(
                "{} of the cgroup's {} are used ({share}), GOMEMLIMIT is {told}",
                mib(used),
                mib(limit)
            ));
        }
        let told = match counters.memory_limit {
            None => "GOMEMLIMIT is not set".to_owned(),
            Some(told) => format!("GOMEMLIMIT is {}", mib(told)),
        };
        Verdict::Found {
            headline: format!(
                "{} of the cgroup's {} are used ({share}), and {told}",
                mib(used),
                mib(limit)
            ),
            evidence: vec![
                Evidence::bytes("limit of the cgroup", limit),
                Evidence::bytes("used: RSS without LazyFree", used),
                Evidence::bytes("live after the last collection", counters.heap_marked),
                Evidence::bytes("the next collection ends at", counters.next_gc),
            ],
            origins: Vec::new(),
            refuted_by: "memory of other processes in the cgroup, or page cache".to_owned(),
            remedy: format!(
                "Start the service with GOMEMLIMIT={}MiB, nine tenths of the cgroup's limit: then \
                 the collector works harder before the kernel kills.",
                safe >> 20
            ),
            leak: false,
        }
    }
}

/// Collections that follow each other because the live heap hardly fits.
fn spiral(process: &Process, counters: &GoCounters) -> Option<Verdict> {
    let limit = counters.memory_limit?;
    let live = counters.heap_marked;
    let is_near = live as f64 >= SPIRAL_SHARE.get() * limit as f64;
    if !is_near || counters.gc_cpu_fraction < SPIRAL_CPU.get() {
        return None;
    }
    let cycles = process.go().gc_cycles();
    Some(Verdict::Found {
        headline: format!(
            "the live heap ({}) hardly fits into GOMEMLIMIT ({}): {:.0} % of the CPU time goes \
             into collections",
            mib(live),
            mib(limit),
            100.0 * counters.gc_cpu_fraction
        ),
        evidence: vec![
            Evidence::bytes("live after the last collection", live),
            Evidence::bytes("GOMEMLIMIT", limit),
            Evidence::fact(format!(
                "{cycles} collections in {:.0} s",
                process.seconds()
            )),
        ],
        origins: Vec::new(),
        refuted_by: "CPU time of collections that falls while the live heap stays".to_owned(),
        remedy: "Raise GOMEMLIMIT and the cgroup's limit, or keep fewer objects alive.".to_owned(),
        leak: false,
    })
}

const EXAMPLE: &str = "\
// in a cgroup with memory.max = 256M and without GOMEMLIMIT
package main

import \"time\"

func main() {
	live := make([]byte, 120<<20)
	for {
		_ = make([]byte, 10<<20) // garbage up to 240 MiB before the next collection
		time.Sleep(10 * time.Millisecond)
		live[0]++
	}
}
";
