//! Pages that are swapped out: to read them would bring them back, so they are left out.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use crate::go::runtime::Part;
use crate::go::runtime::residency::Pagemap;
use crate::proc::status;

/// A process of which a part is swapped out.
pub(super) struct Swapped {
    pagemap: RefCell<Pagemap>,
    has_left_out: Cell<bool>,
}

impl Swapped {
    /// `None` for a process that is all in memory, or where the kernel does not tell.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let bytes = status::read(pid).ok()?.swap?;
        let pagemap = Pagemap::of(pid).ok()?;
        (bytes > 0).then(|| Self {
            pagemap: RefCell::new(pagemap),
            has_left_out: Cell::new(false),
        })
    }

    /// What of these parts can be read without bringing anything back.
    pub(super) fn leave_out(&self, parts: &[Part]) -> Vec<Part> {
        let mut left = Vec::with_capacity(parts.len());
        let (mut runs, mut pagemap) = (Vec::new(), self.pagemap.borrow_mut());
        for part in parts {
            runs.clear();
            let end = part.address.saturating_add(part.length as u64);
            if pagemap
                .not_swapped(&(part.address..end), &mut runs)
                .is_err()
            {
                // What cannot be asked is not read.
                runs.clear();
            }
            if !within(part, &runs, &mut left) {
                self.has_left_out.set(true);
            }
        }
        left
    }

    /// Why a search is incomplete, if anything was left out.
    pub(super) fn reason(&self) -> Option<&'static str> {
        self.has_left_out.get().then_some(
            "a part of the heap is swapped out and was not read: what only that holds has no owner here",
        )
    }
}

/// Adds what of a part lies in these runs of pages; whether that is all of it.
fn within(part: &Part, runs: &[Range<u64>], left: &mut Vec<Part>) -> bool {
    let end = part.address.saturating_add(part.length as u64);
    let mut bytes = 0;
    for run in runs {
        let address = part.address.max(run.start);
        let length = (end.min(run.end) - address) as usize;
        bytes += length;
        left.push(Part { address, length });
    }
    bytes == part.length
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A part from byte 24 of page 5 on that is so long, of runs of pages in memory.
    #[track_caller]
    fn check(length: usize, pages: &[(u64, u64)], expected: &[(u64, usize)]) {
        let part = Part {
            address: 5 * 4096 + 24,
            length,
        };
        let runs: Vec<_> = pages
            .iter()
            .map(|(first, end)| first * 4096..end * 4096)
            .collect();
        let mut left = Vec::new();
        let is_all = within(&part, &runs, &mut left);
        let left: Vec<_> = left
            .iter()
            .map(|part| (part.address, part.length))
            .collect();
        assert_eq!(left, expected);
        let bytes: usize = expected.iter().map(|(_, length)| length).sum();
        assert_eq!(is_all, bytes == length);
    }

    #[test]
    fn pages_that_are_swapped_out_are_left_out() {
        check(64, &[(5, 6)], &[(20504, 64)]);
        check(64, &[], &[]);
        check(8192, &[(5, 8)], &[(20504, 8192)]);
        check(8192, &[(5, 6), (7, 8)], &[(20504, 4072), (28672, 24)]);
        check(8192, &[(6, 7)], &[(24576, 4096)]);
    }

    #[test]
    fn what_cannot_be_asked_is_not_read() {
        let swapped = Swapped {
            pagemap: RefCell::new(Pagemap::of(std::process::id()).expect("our own")),
            has_left_out: Cell::new(false),
        };
        // The end of all addresses, beyond which there are no entries.
        let part = Part {
            address: u64::MAX - 8191,
            length: 8,
        };
        assert_eq!(swapped.leave_out(&[part]), []);
        assert!(swapped.reason().is_some());
    }
}
