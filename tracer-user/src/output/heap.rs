//! A heap profile for its readers: pprof, flame graphs, people, programs.
//!
//! ```text
//! HeapProfile ─ names, estimates ─▶ Heap ─▶ pprof | folded ─▶ svg | text | json
//! ```

mod flame;
mod pprof;
mod text;

use serde::Serialize;
use tracer_core::ledger::go::{in_use, scaled};
use tracer_core::names::printed;

use crate::go::runtime::heap_profile::{Call, Caller, HeapProfile};

pub use flame::{folded, svg};
pub use pprof::pprof;
pub use text::text;

/// A heap profile with names and estimates, most bytes in use first.
#[derive(Clone, Debug)]
pub struct Heap<'t> {
    /// Bytes between two samples, on average.
    pub rate: u64,
    /// One for each bucket.
    pub sites: Vec<Site<'t>>,
}

/// The objects of one size that were allocated by one stack.
#[derive(Clone, Debug)]
pub struct Site<'t> {
    /// Innermost first; never empty of what pprof would show.
    pub calls: Vec<Call<'t>>,
    /// How many calls are one frame of the machine's stack, for each such frame.
    pub together: Vec<usize>,
    /// Bytes of each object.
    pub object_bytes: u64,
    /// What was sampled: objects allocated, objects freed.
    pub sampled: (u64, u64),
    /// The estimate of what was allocated: objects, bytes.
    pub allocated: (u64, u64),
    /// The estimate of what is in use: objects, bytes.
    pub in_use: (u64, u64),
}

impl<'t> Heap<'t> {
    /// Names and estimates of a profile.
    #[must_use]
    pub fn new(profile: &HeapProfile, caller: &mut Caller<'t>) -> Self {
        let buckets = profile.buckets();
        let mut sites: Vec<Site<'t>> = buckets
            .map(|(bucket, stack)| {
                let calls = caller.calls(stack);
                let count = bucket.event();
                Site {
                    together: together(caller, &calls),
                    calls,
                    object_bytes: bucket.size,
                    sampled: (count.allocs, count.frees),
                    allocated: scaled(count.allocs, count.alloc_bytes, profile.rate),
                    in_use: in_use(&count, profile.rate),
                }
            })
            .collect();
        // Stable, so that equal ones stay in the order of the runtime's list.
        sites.sort_by_key(|site| std::cmp::Reverse(site.in_use.1));
        Self {
            rate: profile.rate,
            sites,
        }
    }

    /// The estimate of all bytes that are in use.
    #[must_use]
    pub fn in_use_bytes(&self) -> u64 {
        let bytes = self.sites.iter().map(|site| site.in_use.1);
        bytes.fold(0, u64::saturating_add)
    }

    /// The estimate of all bytes that were ever allocated.
    #[must_use]
    pub fn alloc_bytes(&self) -> u64 {
        let bytes = self.sites.iter().map(|site| site.allocated.1);
        bytes.fold(0, u64::saturating_add)
    }
}

fn together<'t>(caller: &Caller<'t>, calls: &[Call<'t>]) -> Vec<usize> {
    let mut rest = calls;
    let mut sizes = Vec::new();
    while !rest.is_empty() {
        let size = caller.inlined_together(rest);
        sizes.push(size);
        rest = &rest[size..];
    }
    sizes
}

/// The function of a call as people read it, else its address.
fn name(call: &Call<'_>) -> String {
    match &call.frame {
        Some(frame) => printed(&frame.function).into_owned(),
        None => format!("{:#x}", call.address),
    }
}

/// The heap part of a report.
#[derive(Debug, Serialize)]
pub struct HeapJson {
    /// Bytes between two samples, on average.
    rate: u64,
    alloc_bytes: u64,
    inuse_bytes: u64,
    sites: Vec<SiteJson>,
}

#[derive(Debug, Serialize)]
struct SiteJson {
    inuse_bytes: u64,
    inuse_objects: u64,
    alloc_bytes: u64,
    alloc_objects: u64,
    object_bytes: u64,
    sampled_allocs: u64,
    sampled_frees: u64,
    stack: Vec<CallJson>,
}

#[derive(Debug, Serialize)]
struct CallJson {
    function: String,
    file: Option<String>,
    line: Option<u32>,
    inlined: bool,
}

impl HeapJson {
    /// Of all sites.
    #[must_use]
    pub fn new(heap: &Heap<'_>) -> Self {
        Self {
            rate: heap.rate,
            alloc_bytes: heap.alloc_bytes(),
            inuse_bytes: heap.in_use_bytes(),
            sites: heap.sites.iter().map(SiteJson::new).collect(),
        }
    }
}

impl SiteJson {
    fn new(site: &Site<'_>) -> Self {
        Self {
            inuse_bytes: site.in_use.1,
            inuse_objects: site.in_use.0,
            alloc_bytes: site.allocated.1,
            alloc_objects: site.allocated.0,
            object_bytes: site.object_bytes,
            sampled_allocs: site.sampled.0,
            sampled_frees: site.sampled.1,
            stack: site.calls.iter().map(CallJson::new).collect(),
        }
    }
}

impl CallJson {
    fn new(call: &Call<'_>) -> Self {
        let frame = call.frame.as_ref();
        Self {
            function: name(call),
            file: frame
                .map(|frame| frame.file.to_string())
                .filter(|file| !file.is_empty()),
            line: frame.map(|frame| frame.line).filter(|line| *line > 0),
            inlined: frame.is_some_and(|frame| frame.inlined),
        }
    }
}
