//! `mremap`: a range grows, shrinks, moves, or all at once.

use super::{Content, PROT_READ_WRITE, Region, VmaLedger, is_older};
use crate::event::{Call, StackId, Timestamp};

pub(super) const MREMAP_DONTUNMAP: u32 = 4;

impl VmaLedger {
    pub(super) fn remap(
        &mut self,
        (old, old_end): (u64, u64),
        (new, new_end): (u64, u64),
        flags: u32,
        call: &Call,
        at: Timestamp,
    ) {
        let sources: Vec<(u64, u64, Region)> = self
            .regions
            // A length of 0 duplicates the shared mapping at the address.
            .within(old, old_end.max(old.saturating_add(1)))
            .filter(|(_, _, region)| is_older(region, call.entered))
            .map(|(start, end, region)| (start, end, region.clone()))
            .collect();
        let in_place = new == old;
        let kept_end = if in_place { old_end.min(new_end) } else { old };
        if flags & MREMAP_DONTUNMAP == 0 {
            self.unmap(kept_end, old_end, call.entered);
        } else {
            // Its pages have moved away.
            self.advised.forget(old, old_end);
        }
        let changed_from = if in_place { kept_end } else { new };
        self.advised.forget(changed_from, new_end);
        let Some((_, _, last)) = sources.last().cloned() else {
            return self.fill(new, new_end, at, call.stack);
        };
        if !in_place {
            for (start, end, region) in sources {
                let from = new.saturating_add(start - old);
                let to = new.saturating_add(end - old).min(new_end);
                self.regions.set(
                    from,
                    to,
                    Region {
                        mapped_at: at,
                        ..region
                    },
                );
            }
        }
        let grown_from = changed_from.max(new.saturating_add(old_end - old));
        self.regions.set(
            grown_from,
            new_end,
            Region {
                mapped_at: at,
                ..last
            },
        );
    }

    /// Makes `start..end` mapped where it is not: the source of a move is unknown when
    /// the snapshot was read after it.
    fn fill(&mut self, start: u64, end: u64, at: Timestamp, stack: Option<StackId>) {
        let known: Vec<(u64, u64)> = self
            .regions
            .within(start, end)
            .map(|(start, end, _)| (start, end))
            .collect();
        let mut from = start;
        for (known_start, known_end) in known.into_iter().chain([(end, end)]) {
            let region = Region {
                prot: PROT_READ_WRITE,
                shared: false,
                content: Content::Anonymous,
                mapped_at: at,
                stack,
            };
            self.regions.set(from, known_start, region);
            from = known_end;
        }
    }
}
