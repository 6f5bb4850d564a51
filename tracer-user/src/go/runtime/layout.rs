//! Where the runtime of each Go release keeps what it counts.
//!
//! Offsets are facts about a compiler's output: every table names the Go file that declares the
//! structure. They were read from the DWARF of programs built with the last patch of each minor
//! release, 1.11 to 1.27, for amd64 and arm64. What is in no table is unknown, never guessed.

mod classes;
mod heap;
mod object;
mod sched;
mod stats;
mod wait;

pub use classes::of_span_class;
pub(in crate::go) use heap::{Heap, Span};
pub(in crate::go) use object::Objects;
pub(in crate::go) use sched::{G, P, Sched};
pub(in crate::go) use stats::{Controller, Delta, MemStats};

/// Bytes of a page of the heap (`pageSize` in `runtime/sizeclasses.go`), everywhere.
pub(in crate::go) const PAGE: u64 = 8192;

/// The processor that a program was built for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// 64-bit Arm.
    Arm64,
}

impl Arch {
    /// By Go's name of it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "amd64" => Some(Self::Amd64),
            "arm64" => Some(Self::Arm64),
            _ => None,
        }
    }
}

/// The structures of one release.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Layout {
    pub(in crate::go) minor: u32,
    /// The address of arena 0 (`arenaBaseOffset` in `runtime/malloc.go`).
    pub(in crate::go) arena_base: u64,
    pub(in crate::go) heap: Heap,
    pub(in crate::go) span: Span,
    pub(in crate::go) stats: MemStats,
    pub(in crate::go) delta: Delta,
    pub(in crate::go) controller: Controller,
    pub(in crate::go) g: G,
    pub(in crate::go) p: P,
    pub(in crate::go) sched: Sched,
    /// From Go 1.13 on.
    pub(in crate::go) objects: Option<Objects>,
}

impl Layout {
    /// The releases with a layout.
    pub const MINORS: std::ops::RangeInclusive<u32> = 11..=27;

    /// The layout of a minor release: 26 for Go 1.26.
    #[must_use]
    pub fn of(minor: u32, arch: Arch) -> Option<Self> {
        if !Self::MINORS.contains(&minor) {
            return None;
        }
        Some(Self {
            minor,
            arena_base: match arch {
                Arch::Amd64 => 0xffff_8000_0000_0000,
                Arch::Arm64 => 0,
            },
            heap: Heap::of(minor, arch)?,
            span: Span::of(minor)?,
            stats: MemStats::of(minor)?,
            delta: Delta::of(minor),
            controller: Controller::of(minor),
            g: G::of(minor)?,
            p: P::of(minor)?,
            sched: Sched::of(minor)?,
            objects: Objects::of(minor),
        })
    }

    /// The minor release.
    #[must_use]
    pub fn minor(&self) -> u32 {
        self.minor
    }

    /// Bytes of an object of each size class, class 0 first.
    #[must_use]
    pub fn classes(&self) -> &'static [u16] {
        classes::sizes(self.minor)
    }

    /// What a goroutine with this `g.waitreason` waits for, as Go prints it.
    #[must_use]
    pub fn wait_reason(&self, number: u8) -> Option<&'static str> {
        wait::reason(self.minor, number)
    }
}

/// Marks the release from which on something no longer exists.
const GONE: u64 = u64::MAX;

/// The offset in a release, of steps (first minor release, offset from then on).
fn since(minor: u32, steps: &[(u32, u64)]) -> Option<u64> {
    let (_, offset) = steps.iter().rev().find(|(first, _)| *first <= minor)?;
    (*offset != GONE).then_some(*offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_release_has_a_layout_and_no_other() {
        for arch in [Arch::Amd64, Arch::Arm64] {
            for minor in 0..64 {
                let found = Layout::of(minor, arch).is_some();
                assert_eq!(found, (11..=27).contains(&minor), "{minor} {arch:?}");
            }
        }
    }

    #[test]
    fn what_moved() {
        let of =
            |minor| Layout::of(minor, Arch::Amd64).map(|layout| (layout.g.goid, layout.span.slots));
        assert_eq!(of(15), Some((152, 56)));
        assert_eq!(of(22), Some((152, 50)));
        assert_eq!(of(24), Some((160, 50)));
        assert_eq!(of(27), Some((152, 50)));
        let arm = Layout::of(27, Arch::Arm64).map(|layout| layout.heap.span_stat);
        assert_eq!(arm, Some(101_144));
    }

    #[test]
    fn what_came_and_went() {
        let stats = |minor| Layout::of(minor, Arch::Amd64).map(|layout| layout.stats);
        assert_eq!(stats(18).and_then(|stats| stats.heap_inuse), Some(56));
        assert_eq!(stats(19).and_then(|stats| stats.heap_inuse), None);
        assert_eq!(stats(15).and_then(|stats| stats.heap_stats), None);
        assert_eq!(stats(19).and_then(|stats| stats.heap_stats), Some(0));
    }

    #[test]
    fn classes_and_reasons() {
        for minor in Layout::MINORS {
            let layout = Layout::of(minor, Arch::Amd64);
            let classes = layout.map(|layout| layout.classes().len());
            assert_eq!(classes, Some(if minor < 16 { 67 } else { 68 }));
            assert!(layout.is_some_and(|layout| layout.classes().is_sorted()));
        }
        let reason = |minor, number| {
            Layout::of(minor, Arch::Amd64).and_then(|layout| layout.wait_reason(number))
        };
        assert_eq!(reason(12, 13), Some("chan receive"));
        assert_eq!(reason(13, 13), Some("GC scavenge wait"));
        assert_eq!(reason(27, 19), Some("chan receive"));
        assert_eq!(reason(27, 47), None);
    }
}
