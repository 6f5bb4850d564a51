//! The variables of the heap profiler.

use super::super::heap_profile::Places;
use super::super::layout::Layout;
use super::super::memory::Memory;
use super::super::program::Program;
use super::search::Search;

/// More than anyone sets `runtime.MemProfileRate` to.
const MAX_RATE: u64 = 1 << 40;

/// Addresses of what `runtime/mprof.go` keeps.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Profile {
    /// `runtime.mbuckets`, the head of the list of allocation sites.
    pub buckets: Option<u64>,
    /// `runtime.mProf` up to Go 1.18, then `runtime.mProfCycle`.
    pub cycle: Option<u64>,
    /// `runtime.MemProfileRate`.
    pub rate: Option<u64>,
    /// `runtime.disableMemoryProfiling`, from Go 1.17 on; without symbols from 1.20 on.
    pub disabled: Option<u64>,
}

impl Profile {
    /// Finds them alone, in a program that was loaded `bias` above its linked addresses.
    #[must_use]
    pub fn locate(program: &Program, bias: u64, memory: &(impl Memory + ?Sized)) -> Self {
        let search = Search::new(program, bias, memory);
        Self::find(&search, &program.layout, memory)
    }

    /// What a profile is read from, where all of it was found.
    #[must_use]
    pub fn places(&self) -> Option<Places> {
        Some(Places {
            buckets: self.buckets?,
            cycle: self.cycle?,
            rate: self.rate?,
            locks: Vec::new(),
        })
    }

    pub(super) fn find<M: Memory + ?Sized>(
        search: &Search<'_, M>,
        layout: &Layout,
        memory: &M,
    ) -> Self {
        let rate = search
            .symbol("runtime.MemProfileRate")
            .or_else(|| rate_by_code(search, layout))
            .filter(|at| memory.word(*at).is_ok_and(|rate| rate <= MAX_RATE));
        Self {
            buckets: search.symbol("runtime.mbuckets").or_else(|| {
                let flush = search.references("runtime.mProf_FlushLocked");
                flush.last().copied()
            }),
            cycle: cycle(search, layout),
            rate,
            disabled: search
                .symbol("runtime.disableMemoryProfiling")
                .or_else(|| disabled_by_code(search, layout, rate?)),
        }
    }
}

fn cycle<M: Memory + ?Sized>(search: &Search<'_, M>, layout: &Layout) -> Option<u64> {
    let (name, function) = if layout.minor < 19 {
        ("runtime.mProf", "runtime.mProf_FlushLocked")
    } else {
        ("runtime.mProfCycle", "runtime.mProf_Flush")
    };
    let by_code = || search.references(function).first().copied();
    search.symbol(name).or_else(by_code)
}

fn rate_by_code<M: Memory + ?Sized>(search: &Search<'_, M>, layout: &Layout) -> Option<u64> {
    let references = |function| search.references(function);
    if layout.minor >= 17 {
        return references("runtime.profilealloc").last().copied();
    }
    // Go 1.12 may have it inlined.
    let by_interval = references("runtime.nextSample").first().copied();
    by_interval.or_else(|| references("runtime.profilealloc").first().copied())
}

/// `schedinit` looks at the flag right before it sets the rate (Go 1.20).
fn disabled_by_code<M: Memory + ?Sized>(
    search: &Search<'_, M>,
    layout: &Layout,
    rate: u64,
) -> Option<u64> {
    if layout.minor < 20 {
        return None;
    }
    let references = search.references("runtime.schedinit");
    let at = references.iter().position(|address| *address == rate)?;
    references.get(at.checked_sub(1)?).copied()
}
