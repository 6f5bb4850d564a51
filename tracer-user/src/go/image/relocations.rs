//! What the loader adds its base address to: the pointers of a position-independent executable.

use std::cell::OnceCell;
use std::ops::Range;

use crate::go::bytes::{u32_at, u64_at};

/// Bytes of an `Elf64_Rela`.
const SIZE: usize = 24;

/// A Go 1.15 PIE has twenty for each function: a million in the largest programs.
const MAX_COUNT: usize = 1 << INDEX_BITS;

/// In the order of places an entry is its place, and in so many bits below that its number.
const INDEX_BITS: u32 = 22;

/// Addresses behind which there are no executables.
const MAX_PLACE: u64 = 1 << (64 - INDEX_BITS);

/// Relocations without a symbol; all others leave Go's tables alone.
#[derive(Debug, Default)]
pub(super) struct Relocations<'d> {
    entries: &'d [[u8; SIZE]],
    /// The type (`R_…_RELATIVE`) of this architecture.
    relative: u32,
    /// The entries in the order of their places. Go's linker writes them symbol by symbol.
    order: OnceCell<Vec<u64>>,
}

impl<'d> Relocations<'d> {
    pub(super) fn new(bytes: &'d [u8], relative: u32) -> Self {
        let (entries, _) = bytes.as_chunks();
        Self {
            entries: &entries[..entries.len().min(MAX_COUNT)],
            relative,
            order: OnceCell::new(),
        }
    }

    /// Place and value of each, in the order of the file.
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, u64)> + use<'d> {
        let relative = self.relative;
        self.entries
            .iter()
            .filter_map(move |entry| value(entry, relative))
    }

    /// Those of a range of places, in the order of places.
    pub(super) fn between(&self, places: Range<u64>) -> impl Iterator<Item = (u64, u64)> {
        let order = self.order.get_or_init(|| {
            let places = self.entries.iter().map(place).zip(0_u64..);
            let known = places.filter(|(place, _)| *place < MAX_PLACE);
            let mut order: Vec<u64> = known
                .map(|(place, index)| place << INDEX_BITS | index)
                .collect();
            order.sort_unstable();
            order
        });
        let first = order.partition_point(|key| key >> INDEX_BITS < places.start);
        order[first..]
            .iter()
            .take_while(move |key| *key >> INDEX_BITS < places.end)
            .filter_map(|key| {
                let index = (key % (1 << INDEX_BITS)) as usize;
                value(&self.entries[index], self.relative)
            })
    }
}

fn place(entry: &[u8; SIZE]) -> u64 {
    u64_at(entry, 0).unwrap_or_default()
}

fn value(entry: &[u8; SIZE], relative: u32) -> Option<(u64, u64)> {
    (u32_at(entry, 8)? == relative).then_some((place(entry), u64_at(entry, 16)?))
}

#[cfg(test)]
mod tests {
    use super::{Relocations, SIZE};

    const RELATIVE: u32 = 8;

    fn table(entries: &[(u64, u32, u64)]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(entries.len() * SIZE);
        for (place, kind, addend) in entries {
            bytes.extend_from_slice(&place.to_le_bytes());
            bytes.extend_from_slice(&u64::from(*kind).to_le_bytes());
            bytes.extend_from_slice(&addend.to_le_bytes());
        }
        bytes
    }

    #[track_caller]
    fn check(entries: &[(u64, u32, u64)], expected: &[(u64, u64)]) {
        let bytes = table(entries);
        let relocations = Relocations::new(&bytes, RELATIVE);
        let found: Vec<_> = relocations.between(10..20).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn those_of_a_range() {
        check(&[], &[]);
        check(
            &[(9, 8, 1), (10, 8, 2), (19, 8, 3), (20, 8, 4)],
            &[(10, 2), (19, 3)],
        );
        check(
            &[(20, 8, 4), (19, 8, 3), (9, 8, 1), (10, 8, 2)],
            &[(10, 2), (19, 3)],
        );
        check(&[(12, 1, 7), (13, 8, 5)], &[(13, 5)]);
        check(&[(15, 8, 1), (15, 8, 2)], &[(15, 1), (15, 2)]);
        check(&[(u64::MAX, 8, 1), (0, 8, 2)], &[]);
    }

    #[test]
    fn a_half_entry_is_none() {
        let mut bytes = table(&[(10, 8, 2), (11, 8, 3)]);
        bytes.pop();
        let relocations = Relocations::new(&bytes, RELATIVE);
        assert_eq!(relocations.all().collect::<Vec<_>>(), [(10, 2)]);
    }
}
