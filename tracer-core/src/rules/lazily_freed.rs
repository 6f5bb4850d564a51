//! Memory given back with `MADV_FREE` that the kernel has not taken yet: RSS without use.

mod remedy;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::threshold::Threshold;
use super::{Explanation, Rule, Verdict};
use crate::ledger::calls::{CallCount, CallName, CallTally};
use crate::ledger::symbols::Line;
use crate::names::Class;
use crate::process::Process;
use crate::report::{Evidence, Origin, StackFrame, about, by_lines, class_of, own_line, plural};

/// Below this nobody asks why: a small Go service has about as much for its binary alone.
const MATERIAL_BYTES: Threshold = Threshold::new(16.0 * 1_048_576.0);
/// Below this share of RSS something else explains the memory.
const MATERIAL_SHARE: Threshold = Threshold::new(0.10);
/// Lines of the service's own code named.
const MAX_ORIGINS: usize = 10;

/// The leak that is none: RSS holds pages that were given back.
pub struct LazilyFreed;

impl Rule for LazilyFreed {
    fn name(&self) -> &'static str {
        "lazily-freed"
    }

    fn title(&self) -> &'static str {
        "memory was given back with MADV_FREE, and the kernel has not taken it yet"
    }

    fn explain(&self) -> Explanation {
        Explanation {
            looks_for: "LazyFree in /proc/PID/smaps: pages the program gave back with \
                madvise(MADV_FREE). They stay in RSS until the kernel is short of memory, so RSS \
                looks high for ever although the memory is free. It is found when LazyFree is at \
                least 16 MiB and at least a tenth of RSS. Go 1.12 to 1.15 give memory back this \
                way, later versions with GODEBUG=madvdontneed=0 only, and some C allocators do.",
            refuted_by: "RSS that stays although LazyFree falls, or RSS minus LazyFree that grows: \
                then there is more to find. Under memory pressure (a cgroup limit that is \
                reached) LazyFree must fall before anything is killed.",
            remedy: "Go 1.12 to 1.15: start with GODEBUG=madvdontneed=1 or build with Go 1.16 or \
                newer. Go 1.16 and newer: do not set madvdontneed=0. Alert on RSS minus LazyFree, \
                or on the heap the Go runtime reports, instead of on RSS.",
            false_friends: "Garbage that was not collected yet and heap kept for the next \
                collection (GOGC) are in RSS too, but are not in LazyFree: the program has not \
                given them back.",
            example: EXAMPLE,
        }
    }

    fn judge(&self, process: &Process) -> Verdict {
        let Some((rss, lazy_free)) = measured(process) else {
            let missing = if process.memory().last().is_none() {
                "no memory sample could be read"
            } else {
                "this kernel does not report LazyFree (Linux 4.12 and newer do)"
            };
            return Verdict::Unsure {
                missing: missing.to_owned(),
            };
        };
        let mut evidence = vec![
            Evidence::bytes("LazyFree", lazy_free),
            Evidence::bytes("RSS", rss),
            Evidence::bytes(
                "real use: RSS without LazyFree",
                rss.saturating_sub(lazy_free),
            ),
        ];
        let material = MATERIAL_BYTES.get().max(MATERIAL_SHARE.get() * rss as f64);
        if (lazy_free as f64) < material {
            let (free, rss) = (mib(lazy_free), mib(rss));
            let headline = format!("only {free:.1} of {rss:.1} MiB RSS are lazily freed");
            return Verdict::Clear { headline, evidence };
        }
        let callers = callers(process);
        evidence.extend(caller_evidence(process, &callers));
        if let Some(trend) = process.memory().use_trend() {
            let what = format!("growth of real use over the {:.0} s watched", trend.seconds);
            evidence.push(Evidence::growth(what, trend.growth()));
        }
        Verdict::Found {
            headline: format!(
                "{:.0} of {:.0} MiB RSS were already given back with MADV_FREE",
                mib(lazy_free),
                mib(rss)
            ),
            evidence,
            origins: origins(process, &callers),
            refuted_by: "RSS that stays as high when LazyFree in /proc/PID/smaps_rollup falls, or \
                RSS minus LazyFree that keeps growing"
                .to_owned(),
            remedy: remedy::remedy(process.facts()),
            leak: false,
        }
    }
}

/// RSS and `LazyFree` of one instant.
fn measured(process: &Process) -> Option<(u64, u64)> {
    let memory = process.memory();
    let sample = memory
        .last()
        .and_then(|sample| Some((sample.rss, sample.lazy_free?)));
    sample.or_else(|| {
        let (detail, _) = memory.details()?;
        let parts = detail
            .mappings
            .iter()
            .map(|part| (part.rss, part.lazy_free));
        parts.fold(None, |sum: Option<(u64, u64)>, (rss, lazy_free)| {
            let (all_rss, all_free) = sum.unwrap_or_default();
            Some((
                all_rss.saturating_add(rss),
                all_free.saturating_add(lazy_free?),
            ))
        })
    })
}

type Callers<'a> = BTreeMap<Vec<Line<'a>>, CallCount>;

/// Who gave memory back with `MADV_FREE` in the window.
fn callers(process: &Process) -> Callers<'_> {
    let freed = process.calls().get(CallName::MADVISE_FREE);
    by_lines(process, freed.into_iter().flat_map(CallTally::by_stack))
}

fn caller_evidence(process: &Process, callers: &Callers<'_>) -> Vec<Evidence> {
    let mut by_class: BTreeMap<Class, CallCount> = BTreeMap::new();
    for (lines, count) in callers {
        *by_class.entry(class_of(process, lines)).or_default() += *count;
    }
    by_class.retain(|_, count| count.bytes.is_some_and(|bytes| bytes > 0));
    let freed = process.calls().get(CallName::MADVISE_FREE);
    let sampled = freed.filter(|tally| tally.is_estimated());
    let all = sampled.map(CallTally::total).unwrap_or_default();
    if by_class.is_empty() && all.bytes.unwrap_or(0) == 0 {
        return vec![Evidence::fact(
            "no MADV_FREE was seen while watching: the memory was given back before, and who \
             did it was not seen",
        )];
    }
    let line = |by: &str, about: &str, count: CallCount| {
        let calls = plural(count.count, "call");
        let what = format!("given back while watching{by} ({about}{calls})");
        Evidence::bytes(what, count.bytes.unwrap_or(0))
    };
    let mut evidence = Vec::new();
    if sampled.is_some() {
        evidence.push(line("", "", all));
    }
    let about = about(sampled.is_some());
    evidence.extend(by_class.into_iter().map(|(class, count)| {
        let by = format!(" by {}", class.name());
        line(&by, about, count)
    }));
    // The same range may have been given back many times.
    let advised = process.vma().advised_free().bytes();
    if advised > 0 {
        evidence.push(Evidence::bytes(
            "of these, distinct memory that is still mapped",
            advised,
        ));
    }
    evidence
}

/// The service's own lines that gave memory back, most bytes first.
fn origins(process: &Process, callers: &Callers<'_>) -> Vec<Origin> {
    let mut by_line: BTreeMap<StackFrame, u64> = BTreeMap::new();
    for (lines, count) in callers {
        if let Some(frame) = own_line(process, lines) {
            let bytes = by_line.entry(StackFrame::from_frame(frame)).or_default();
            *bytes = bytes.saturating_add(count.bytes.unwrap_or(0));
        }
    }
    let mut origins: Vec<Origin> = by_line
        .into_iter()
        .map(|(line, bytes)| Origin {
            line,
            opened: None,
            closed: None,
            bytes: Some(bytes),
        })
        .collect();
    // The map's order decides between equals.
    origins.sort_by_key(|origin| std::cmp::Reverse(origin.bytes));
    origins.truncate(MAX_ORIGINS);
    origins
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

const EXAMPLE: &str = "\
// Go 1.15, or Go 1.16 and newer with GODEBUG=madvdontneed=0
package main

import (
	\"runtime/debug\"
	\"time\"
)

func main() {
	load := make([]byte, 400<<20)
	for i := 0; i < len(load); i += 4096 {
		load[i] = 1
	}
	load = nil
	debug.FreeOSMemory() // RSS stays at 400 MiB, LazyFree is 400 MiB
	time.Sleep(time.Hour)
}
";
