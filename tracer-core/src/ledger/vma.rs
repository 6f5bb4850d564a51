//! The address space of a process: seeded by a snapshot, changed by its calls.
//!
//! Every change sets a range to a state, so a snapshot that already holds the effect of
//! the first calls applied to it ends in the same place.

mod advised;
#[cfg(test)]
mod oracle;
mod partial;
mod remap;
#[cfg(test)]
mod tests;

pub use advised::AdvisedFree;

use super::intervals::Intervals;
use crate::event::{Advice, Backing, Call, Mapping, StackId, Syscall, Timestamp};

/// Twice the kernel's default `vm.max_map_count`; further regions are dropped and counted.
pub const MAX_REGIONS: usize = 131_072;

const MAP_SHARED_BITS: u32 = 0x03;
const MAP_PRIVATE: u32 = 0x02;
const MAP_ANONYMOUS: u32 = 0x20;
const MAP_HUGETLB: u32 = 0x4_0000;
const MAP_HUGE_SHIFT: u32 = 26;
const DEFAULT_HUGE_PAGE: u64 = 2 << 20;
const PROT_READ_WRITE: u32 = 3;
const PROT_BITS: u32 = 7;
const DEFAULT_PAGE: u64 = 4096;
const MADV_REMOVE: Advice = Advice(9);

/// What a range of addresses is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Region {
    /// `PROT_READ` 1, `PROT_WRITE` 2, `PROT_EXEC` 4.
    pub prot: u32,
    /// Shared with other processes or mappings.
    pub shared: bool,
    /// Where its pages come from.
    pub content: Content,
    /// When the call that mapped it returned; 0 when it was there before.
    pub mapped_at: Timestamp,
    /// Who mapped it; `None` when that was not seen.
    pub stack: Option<StackId>,
}

/// Where the pages of a region come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Content {
    /// Zeroed memory.
    Anonymous,
    /// The heap that `brk` moves.
    Heap,
    /// A file.
    File,
}

/// All mapped regions, and what of them was advised away.
#[derive(Clone, Debug)]
pub struct VmaLedger {
    page: u64,
    regions: Intervals<Region>,
    heap: Option<Heap>,
    advised: AdvisedFree,
}

/// The range that `brk` moves, in whole pages.
#[derive(Clone, Copy, Debug)]
struct Heap {
    start: u64,
    end: u64,
}

impl Default for VmaLedger {
    fn default() -> Self {
        Self {
            page: DEFAULT_PAGE,
            regions: Intervals::new(MAX_REGIONS),
            heap: None,
            advised: AdvisedFree::default(),
        }
    }
}

impl VmaLedger {
    /// Sets the page size; anything but a power of two of at least 4096 is not believed.
    pub fn set_page_size(&mut self, bytes: u64) {
        if bytes.is_power_of_two() && bytes >= DEFAULT_PAGE {
            self.page = bytes;
        }
    }

    /// Bytes of a page.
    #[must_use]
    pub fn page_size(&self) -> u64 {
        self.page
    }

    /// Starts again from what the kernel lists.
    pub fn seed(&mut self, mappings: &[Mapping]) {
        self.regions.clear();
        self.advised.clear();
        self.heap = None;
        for mapping in mappings {
            let content = match &mapping.backing {
                Backing::File { .. } => Content::File,
                Backing::Anonymous { name } if name == "[heap]" => Content::Heap,
                Backing::Anonymous { .. } => Content::Anonymous,
            };
            if content == Content::Heap {
                let start = self
                    .heap
                    .map_or(mapping.start, |heap| heap.start.min(mapping.start));
                let end = self
                    .heap
                    .map_or(mapping.end, |heap| heap.end.max(mapping.end));
                self.heap = Some(Heap { start, end });
            }
            let region = Region {
                prot: mapping.prot & PROT_BITS,
                shared: mapping.shared,
                content,
                mapped_at: Timestamp(0),
                stack: None,
            };
            self.regions.set(mapping.start, mapping.end, region);
        }
    }

    /// Applies a call; returns by how many bytes a `brk` moved the heap's end.
    pub fn apply(&mut self, call: &Call, at: Timestamp) -> Option<u64> {
        let outcome = match call.outcome {
            Ok(outcome) => outcome,
            Err(partial::ENOMEM) => {
                self.apply_partly(call);
                return None;
            }
            Err(_) => return None,
        };
        match call.what {
            Syscall::Mmap {
                len,
                prot,
                flags,
                fd,
                ..
            } => {
                self.map(outcome, len, prot, flags, fd, call.stack, at);
            }
            Syscall::Munmap { addr, len } => self.unmap(addr, self.end(addr, len), call.entered),
            Syscall::Mremap {
                addr,
                old_len,
                new_len,
                flags,
            } => {
                let from = (addr, self.end(addr, old_len));
                let to = (outcome, self.end(outcome, new_len));
                self.remap(from, to, flags, call, at);
            }
            Syscall::Brk { .. } => return self.brk(outcome, call, at),
            Syscall::Mprotect { addr, len, prot } => {
                self.regions.change(addr, self.end(addr, len), |region| {
                    region.prot = prot & PROT_BITS;
                });
            }
            Syscall::Madvise { addr, len, advice } => self.advise(addr, len, advice, call.stack),
            _ => {}
        }
        None
    }

    /// Mapped ranges in address order. Neighbours may differ only in who mapped them.
    pub fn regions(&self) -> impl Iterator<Item = (u64, u64, &Region)> {
        self.regions.iter()
    }

    /// Bytes of all regions, touched or not.
    #[must_use]
    pub fn mapped_bytes(&self) -> u64 {
        self.regions.iter().map(|(start, end, _)| end - start).sum()
    }

    /// Regions that did not fit the ledger.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.regions.dropped() + self.advised.dropped()
    }

    /// What was advised away with `MADV_FREE`.
    #[must_use]
    pub fn advised_free(&self) -> &AdvisedFree {
        &self.advised
    }

    #[expect(clippy::too_many_arguments, reason = "the arguments of mmap")]
    fn map(
        &mut self,
        addr: u64,
        len: u64,
        prot: u32,
        flags: u32,
        fd: i32,
        stack: Option<StackId>,
        at: Timestamp,
    ) {
        let unit = if flags & MAP_HUGETLB != 0 {
            // The low six bits above the shift are log2 of the page size, 0 the default.
            match flags >> MAP_HUGE_SHIFT {
                0 => DEFAULT_HUGE_PAGE,
                log2 => 1_u64.checked_shl(log2).unwrap_or(self.page),
            }
        } else {
            self.page
        };
        let end = addr.saturating_add(round_up(len, unit));
        let anonymous = flags & MAP_ANONYMOUS != 0 || fd < 0;
        let region = Region {
            prot: prot & PROT_BITS,
            shared: flags & MAP_SHARED_BITS != MAP_PRIVATE,
            content: if anonymous {
                Content::Anonymous
            } else {
                Content::File
            },
            mapped_at: at,
            stack,
        };
        self.advised.forget(addr, end);
        self.regions.set(addr, end, region);
    }

    /// Removes what was mapped before the call began.
    fn unmap(&mut self, start: u64, end: u64, entered: Option<Timestamp>) {
        for part in self
            .regions
            .take(start, end, |region| is_older(region, entered))
        {
            self.advised.forget(part.start, part.end);
        }
    }

    fn brk(&mut self, outcome: u64, call: &Call, at: Timestamp) -> Option<u64> {
        let end = round_up(outcome, self.page);
        let Some(heap) = self.heap else {
            // The first answer tells where the heap starts.
            self.heap = Some(Heap { start: end, end });
            return None;
        };
        let end = end.max(heap.start);
        if end > heap.end {
            let region = Region {
                prot: PROT_READ_WRITE,
                shared: false,
                content: Content::Heap,
                mapped_at: at,
                stack: call.stack,
            };
            self.regions.set(heap.end, end, region);
        } else {
            self.unmap(end, heap.end, call.entered);
        }
        self.heap = Some(Heap { end, ..heap });
        Some(end.abs_diff(heap.end))
    }

    fn advise(&mut self, addr: u64, len: u64, advice: Advice, stack: Option<StackId>) {
        let end = self.end(addr, len);
        match advice {
            Advice::FREE => {
                // The kernel refuses the advice for files and shared memory.
                for (start, end, region) in self.regions.within(addr, end) {
                    if region.content != Content::File && !region.shared {
                        self.advised.record(start, end, stack);
                    }
                }
            }
            Advice::DONTNEED | MADV_REMOVE => self.advised.forget(addr, end),
            _ => {}
        }
    }

    fn end(&self, addr: u64, len: u64) -> u64 {
        addr.saturating_add(round_up(len, self.page))
    }
}

/// Whether a release that began at `entered` can mean this region.
fn is_older(region: &Region, entered: Option<Timestamp>) -> bool {
    entered.is_none_or(|entered| region.mapped_at < entered)
}

fn round_up(len: u64, unit: u64) -> u64 {
    len.checked_next_multiple_of(unit)
        .unwrap_or(u64::MAX - (unit - 1))
}
