//! A heap profile for its readers: pprof, flame graphs, people, programs.
//!
//! ```text
//! HeapProfile ─ names, estimates ─▶ Heap [ ─ earlier Heap ] ─▶ pprof | folded ─▶ svg | text | json
//! ```

mod flame;
mod pprof;
mod text;

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::Serialize;
use tracer_core::event::HeapCount;
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
    /// One for each bucket of the profiler.
    pub sites: Vec<Site<'t>>,
}

/// The objects of one size that were allocated by one stack.
#[derive(Clone, Debug)]
pub struct Site<'t> {
    /// Where the runtime keeps its count: tells two of the same size apart.
    pub id: u64,
    /// Innermost first; never empty of what pprof would show.
    pub calls: Vec<Call<'t>>,
    /// How many calls are one frame of the machine's stack, for each such frame.
    pub together: Vec<usize>,
    /// Bytes of each object.
    pub object_bytes: u64,
    /// What was sampled: objects allocated, objects freed.
    pub sampled: (i64, i64),
    /// The estimate of what was allocated: objects, bytes.
    pub allocated: (i64, i64),
    /// The estimate of what is in use: objects, bytes.
    pub in_use: (i64, i64),
}

impl<'t> Heap<'t> {
    /// Names and estimates of a profile.
    #[must_use]
    pub fn new(profile: &HeapProfile, caller: &mut Caller<'t>) -> Self {
        let sites = profile.buckets().map(|(bucket, stack)| {
            let (calls, together) = caller.calls(stack);
            Site::new(calls, together, bucket.size, &bucket.event(), profile.rate)
        });
        Self::of(profile.rate, sites.collect())
    }

    /// Of these sites.
    #[must_use]
    pub fn of(rate: u64, mut sites: Vec<Site<'t>>) -> Self {
        sites.sort_by_key(|site| (Reverse(site.in_use.1.unsigned_abs()), site.id));
        Self { rate, sites }
    }

    /// What changed since an earlier profile of the same program; what did not is left out, as pprof
    /// leaves it out of what it subtracts.
    #[must_use]
    pub fn since(mut self, before: &Self) -> Self {
        let before = before.sites.iter().map(|site| (site.id, site));
        let before: HashMap<u64, &Site<'_>> = before.collect();
        for site in &mut self.sites {
            if let Some(before) = before.get(&site.id) {
                site.minus(before);
            }
        }
        self.sites.retain(|site| !site.is_zero());
        Self::of(self.rate, self.sites)
    }

    /// The estimate of all bytes that are in use.
    #[must_use]
    pub fn in_use_bytes(&self) -> i64 {
        let bytes = self.sites.iter().map(|site| site.in_use.1);
        bytes.fold(0, i64::saturating_add)
    }

    /// The estimate of all bytes that were ever allocated.
    #[must_use]
    pub fn alloc_bytes(&self) -> i64 {
        let bytes = self.sites.iter().map(|site| site.allocated.1);
        bytes.fold(0, i64::saturating_add)
    }
}

impl<'t> Site<'t> {
    /// What was counted of objects of this size at a place with these calls.
    #[must_use]
    pub fn new(
        calls: Vec<Call<'t>>,
        together: Vec<usize>,
        object_bytes: u64,
        count: &HeapCount,
        rate: u64,
    ) -> Self {
        Self {
            id: count.id,
            calls,
            together,
            object_bytes,
            sampled: signed((count.allocs, count.frees)),
            allocated: signed(scaled(count.allocs, count.alloc_bytes, rate)),
            in_use: signed(in_use(count, rate)),
        }
    }

    /// Takes away what there was before.
    fn minus(&mut self, before: &Self) {
        let difference = |now: &mut (i64, i64), before: (i64, i64)| {
            *now = (
                now.0.saturating_sub(before.0),
                now.1.saturating_sub(before.1),
            );
        };
        difference(&mut self.sampled, before.sampled);
        difference(&mut self.allocated, before.allocated);
        difference(&mut self.in_use, before.in_use);
    }

    fn is_zero(&self) -> bool {
        (self.allocated, self.in_use) == ((0, 0), (0, 0))
    }
}

/// As pprof counts: differences may be negative.
fn signed((objects, bytes): (u64, u64)) -> (i64, i64) {
    let signed = |value| i64::try_from(value).unwrap_or(i64::MAX);
    (signed(objects), signed(bytes))
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
    alloc_bytes: i64,
    inuse_bytes: i64,
    sites: Vec<SiteJson>,
}

#[derive(Debug, Serialize)]
struct SiteJson {
    inuse_bytes: i64,
    inuse_objects: i64,
    alloc_bytes: i64,
    alloc_objects: i64,
    object_bytes: u64,
    sampled_allocs: i64,
    sampled_frees: i64,
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
