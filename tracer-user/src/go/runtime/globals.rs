//! Where the variables of the runtime are in a running process.
//!
//! ```text
//! symbol table ─▶ code that refers to them ─▶ their shape     each candidate is verified
//! ```
//!
//! Stripped programs have no symbol table; but functions keep their names, and their code the
//! addresses of the variables. Where that is not understood either, the variables that hold the
//! spans, goroutines and processors are known by what they point to.

use tracer_core::event::FoundBy;

use super::layout::Layout;
use super::memory::Memory;
use super::program::Program;

mod profile;
mod search;
mod verify;

pub use profile::Profile;
use search::Search;

/// Addresses of the runtime's variables, each verified by what it holds.
#[derive(Clone, Debug)]
pub struct Globals {
    /// Where the structures keep what.
    pub layout: Layout,
    /// How they were found, by the least certain of them.
    pub found_by: FoundBy,
    /// `runtime.mheap_`.
    pub heap: u64,
    /// `runtime.memstats`.
    pub stats: u64,
    /// `runtime.gcController`, which holds statistics from Go 1.17 on.
    pub controller: Option<u64>,
    /// `runtime.gcpercent`, up to Go 1.16.
    pub gc_percent: Option<u64>,
    /// `runtime.allgs`.
    pub all_gs: u64,
    /// `runtime.allp`.
    pub all_ps: u64,
    /// `runtime.sched`.
    pub sched: Option<u64>,
    /// `runtime.gcphase`, by symbol table only.
    pub gc_phase: Option<u64>,
    /// Those of the heap profiler.
    pub profile: Profile,
    /// What may be a list of finalizers that wait (`runtime.allfin`).
    pub finalizer_queue: Vec<u64>,
    /// What may be a list of pools (`sync.allPools`, `sync.oldPools`).
    pub pools: Vec<u64>,
}

/// The variable without which nothing can be read was not found.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the runtime's {0} was not found in the memory of the process")]
pub struct NotFound(pub &'static str);

impl Globals {
    /// Finds the variables of a running program that was loaded `bias` above its linked addresses.
    ///
    /// # Errors
    /// When the heap, the goroutines or the processors are not found: too early, while the program
    /// still starts, or in a runtime that is not what its version says.
    pub fn locate(
        program: &Program,
        bias: u64,
        memory: &(impl Memory + ?Sized),
    ) -> Result<Self, NotFound> {
        let layout = program.layout;
        let search = Search::new(program, bias, memory);
        let heap = search
            .find("runtime.mheap_", "runtime.mallocinit", &[0], |at| {
                verify::heap(memory, &layout, at)
            })
            .or_else(|| {
                search.by_shape(|at| {
                    verify::heap(memory, &layout, at.checked_sub(layout.heap.all_spans)?)
                })
            })
            .ok_or(NotFound("heap (mheap_)"))?;
        let gs = search
            .find("runtime.allgs", "runtime.allgadd", &[0, 8, 16], |at| {
                verify::all_gs(memory, &layout, at)
            })
            .or_else(|| search.by_shape(|at| verify::first_gs(memory, &layout, at)))
            .ok_or(NotFound("list of goroutines (allgs)"))?;
        let ps = search
            .find("runtime.allp", "runtime.procresize", &[0, 8, 16], |at| {
                verify::all_ps(memory, &layout, at)
            })
            .or_else(|| search.by_shape(|at| verify::all_ps(memory, &layout, at)))
            .ok_or(NotFound("list of processors (allp)"))?;
        let sched = layout.sched;
        let sched = search.find(
            "runtime.sched",
            "runtime.checkmcount",
            &[sched.next_m, sched.freed_ms],
            |at| verify::sched(memory, &layout, at),
        );
        // The allocator of spans points to the statistics.
        let stats = heap.value.stats;
        let by_symbols = [heap.found_by, gs.found_by, ps.found_by];
        Ok(Self {
            layout,
            found_by: if by_symbols.iter().all(|by| *by == FoundBy::Symbols) {
                FoundBy::Symbols
            } else {
                FoundBy::Code
            },
            heap: heap.value.heap,
            stats,
            controller: controller(&search, &layout, memory),
            gc_percent: gc_percent(&search, &layout, memory, stats),
            all_gs: gs.value,
            all_ps: ps.value,
            sched: sched.map(|found| found.value),
            gc_phase: search.symbol("runtime.gcphase"),
            profile: Profile::find(&search, &layout, memory),
            finalizer_queue: candidates(&search, &["runtime.allfin"], "runtime.queuefinalizer"),
            pools: candidates(
                &search,
                &["sync.allPools", "sync.oldPools"],
                "sync.poolCleanup",
            ),
        })
    }
}

/// Variables by their names, else all that a function refers to: whoever reads them looks closer.
fn candidates<M: Memory + ?Sized>(
    search: &Search<'_, M>,
    names: &[&str],
    function: &str,
) -> Vec<u64> {
    let found: Vec<u64> = names
        .iter()
        .filter_map(|name| search.symbol(name))
        .collect();
    if found.is_empty() {
        search.references(function)
    } else {
        found
    }
}

/// `gcController`: 1.19 moved statistics there that `allocSpan` keeps; before, it has the goal.
fn controller<M: Memory + ?Sized>(
    search: &Search<'_, M>,
    layout: &Layout,
    memory: &M,
) -> Option<u64> {
    let fields = layout.controller;
    let (function, offsets) = match (fields.heap_in_use, fields.heap_live) {
        (Some(in_use), _) => (
            "runtime.(*mheap).allocSpan",
            vec![
                fields.memory_limit?,
                in_use,
                fields.heap_free?,
                fields.mapped_ready?,
            ],
        ),
        (None, Some(live)) => (
            "runtime.gcMarkTermination",
            vec![
                fields.gc_percent?,
                live,
                fields.heap_goal?,
                fields.last_heap_goal?,
            ],
        ),
        (None, None) => return None,
    };
    // The offsets alone fit others as well; `gcinit` takes its address.
    let inits = search.references("runtime.gcinit");
    let found = search.find("runtime.gcController", function, &offsets, |at| {
        let initialized = inits.is_empty() || inits.contains(&at);
        initialized.then(|| verify::controller(memory, layout, at))?
    });
    found.map(|found| found.value)
}

/// `gcpercent`, up to Go 1.16: the first variable outside `memstats` that the pacer refers to.
fn gc_percent<M: Memory + ?Sized>(
    search: &Search<'_, M>,
    layout: &Layout,
    memory: &M,
    stats: u64,
) -> Option<u64> {
    if layout.controller.gc_percent.is_some() {
        return None;
    }
    let verified = |at| verify::gc_percent(memory, layout, stats, at);
    let by_symbol = search.symbol("runtime.gcpercent").and_then(verified);
    by_symbol.or_else(|| {
        let all = stats..stats.checked_add(layout.stats.size)?;
        let references = search.references("runtime.gcSetTriggerRatio");
        let first = references.into_iter().find(|at| !all.contains(at));
        verified(first?)
    })
}
