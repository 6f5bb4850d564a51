//! What the Go runtime said of its heap.

use super::Page;
use super::details::stack;
use crate::report::numbers::{mib, plural, signed_mib};
use crate::report::{AllocationProbes, ClassLine, Heap, HeapSiteLine};

/// Allocation sites shown; the JSON report has more.
const SITES: usize = 5;
/// Size classes shown where there are no sites.
const CLASSES: usize = 5;

pub(super) fn heap(page: &mut Page, heap: &Heap, profile: Option<&str>) {
    page.heading("Go heap");
    if let Some(why) = &heap.unreadable {
        page.paragraph(&format!("not read: {why}"));
    }
    if let (Some(alloc), Some(live)) = (heap.alloc_bytes, heap.live_bytes) {
        let goal = heap
            .goal_bytes
            .map_or("never".to_owned(), |goal| format!("at {}", mib(goal)));
        let limits = [
            Some(
                heap.gc_percent
                    .map_or("GOGC off".to_owned(), |percent| format!("GOGC {percent}")),
            ),
            heap.memory_limit_bytes
                .map(|limit| format!("GOMEMLIMIT {}", mib(limit))),
        ];
        let limits: Vec<String> = limits.into_iter().flatten().collect();
        page.paragraph(&format!(
            "{} in objects; {} were live after the last collection; the next one ends {} ({})",
            mib(alloc),
            mib(live),
            goal,
            limits.join(", ")
        ));
    }
    if let Some(cycles) = heap.gc_cycles {
        let movement = heap.after_gc.map_or(
            "too few to tell how the live heap moves".to_owned(),
            |trend| {
                format!(
                    "live heap {} from the first to the last, median slope {} a minute",
                    signed_mib(trend.growth_bytes),
                    signed_mib(trend.bytes_per_minute)
                )
            },
        );
        let cycles = plural(cycles, "collection");
        page.paragraph(&format!("{cycles} while watching: {movement}"));
    }
    let why = match profile {
        Some("linked_out") => Some(
            "The program has no heap profiler: nothing in it refers to runtime.MemProfile, so the \
             linker left it out, and pprof would show an empty heap.",
        ),
        Some("off") => {
            Some("The program has switched its heap profiler off (runtime.MemProfileRate is 0).")
        }
        _ => None,
    };
    let by_probes = heap.source == Some("allocation probes");
    if let Some(why) = why {
        let instead = if by_probes {
            "The probes below and size classes stand in."
        } else {
            "Size classes stand in."
        };
        page.paragraph(&format!("{why} {instead}"));
    }
    if let Some(probes) = &heap.probes {
        watch(page, probes);
    }
    for site in heap.sites.iter().take(SITES) {
        page.line("    ", &holding(site));
        stack(page, "        ", &site.stack);
    }
    if heap.sites.is_empty() || by_probes {
        classes(page, &heap.classes);
    }
}

/// The watch on who allocates, and what it has cost.
fn watch(page: &mut Page, probes: &AllocationProbes) {
    let AllocationProbes {
        watching,
        reason,
        hits,
        bytes,
        ns_per_hit,
        cost_seconds,
    } = probes;
    let state = if *watching {
        "watched"
    } else {
        "not watched any more"
    };
    let cost = match (ns_per_hit, cost_seconds) {
        (Some(ns), Some(seconds)) => {
            format!("; {ns} ns each took the program {:.0} ms", seconds * 1e3)
        }
        _ => String::new(),
    };
    page.paragraph(&format!(
        "who allocates: {state}, {} handed out, {} ({reason}){cost}",
        plural(*hits, "span"),
        mib(*bytes)
    ));
}

/// What a site holds, or was given.
fn holding(site: &HeapSiteLine) -> String {
    let (Some(bytes), Some(objects)) = (site.inuse_bytes, site.inuse_objects) else {
        return format!("{} of spans handed out to", mib(site.alloc_bytes));
    };
    let growth = site
        .growth_bytes
        .map_or(String::new(), |growth| format!(" ({})", signed_mib(growth)));
    let objects = plural(objects, "object");
    format!("{}{growth} in {objects} allocated by", mib(bytes))
}

fn classes(page: &mut Page, classes: &[ClassLine]) {
    for class in classes.iter().take(CLASSES) {
        let what = match class.object_bytes {
            0 => plural(class.objects, "large object"),
            bytes => format!("{} of {bytes} bytes", plural(class.objects, "object")),
        };
        let kind = if class.no_pointers {
            ", without pointers"
        } else {
            ""
        };
        let growth = class
            .growth_bytes
            .map_or(String::new(), |growth| format!(" ({})", signed_mib(growth)));
        page.line(
            "    ",
            &format!("{}{growth}: {what}{kind}", mib(class.bytes)),
        );
    }
}
