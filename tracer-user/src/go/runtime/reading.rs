//! Counters and spans that were checked against each other.

use super::counters::{Counters, read_counters};
use super::doubt::Doubt;
use super::globals::Globals;
use super::memory::Memory;
use super::spans::{Census, read_spans};

/// Attempts to find spans that add up.
const ATTEMPTS: u32 = 4;

/// What spans may differ from the counter, beside what it changed by while they were counted: the
/// heap may have gone up and come down meanwhile. A share of 32 is 3 %.
const SLACK_SHARE: u64 = 32;
const SLACK: u64 = 1 << 20;

/// The heap at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Heap {
    /// What the runtime counts, after the census.
    pub counters: Counters,
    /// The spans.
    pub census: Census,
    /// By how many bytes the spans differ from the nearest of the counters before and after; 0 in a
    /// process that holds still.
    pub jitter: u64,
}

/// Reads counters and spans, and checks that the spans add up to what the runtime counts.
///
/// # Errors
/// When they do not at several attempts, or cannot be read: then there is no number.
pub fn read_heap<M: Memory + ?Sized>(
    memory: &M,
    globals: &Globals,
    previous: Option<&Counters>,
    places: bool,
) -> Result<Heap, Doubt> {
    let mut before = read_counters(memory, globals, previous)?;
    let mut off = Doubt::Torn("heap", ATTEMPTS);
    for _ in 0..ATTEMPTS {
        let census = read_spans(memory, globals, places)?;
        let counters = read_counters(memory, globals, Some(&before))?;
        let (first, last) = (before.heap_inuse, counters.heap_inuse);
        let nearest = census.in_use_bytes.clamp(first.min(last), first.max(last));
        let jitter = census.in_use_bytes.abs_diff(nearest);
        let moved = first.abs_diff(last);
        let slack = (SLACK + last / SLACK_SHARE).saturating_add(moved);
        if jitter == 0 || (moved > 0 && jitter <= slack) {
            return Ok(Heap {
                counters,
                census,
                jitter,
            });
        }
        off = Doubt::Sum {
            spans: census.in_use_bytes,
            counted: nearest,
        };
        before = counters;
    }
    Err(off)
}
