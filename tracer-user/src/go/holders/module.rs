//! `runtime.moduledata`: where variables lie, which of their words hold pointers, where types are.

use std::ops::Range;

use crate::go::runtime::{Memory, ObjectLayout, Record};

/// Bytes of it, in any release.
const SIZE: usize = 704;

/// Bytes of variables with pointers, of data and bss each.
const MAX_VARIABLES: u64 = 256 << 20;

/// Bytes that are read at once; a multiple of what a byte of a mask stands for.
const CHUNK: u64 = 64 << 10;

/// A loaded program, by addresses in the process.
#[derive(Clone, Debug)]
pub(super) struct Module {
    /// Variables with pointers, and the mask that says where in them.
    parts: [(Range<u64>, u64); 2],
    pub(super) types: Range<u64>,
    /// What offsets of function data count from.
    pub(super) gofunc: u64,
    /// Others were loaded, whose variables are not read: plugins.
    pub(super) has_others: bool,
}

impl Module {
    /// Reads it where it lies; `None` for what contradicts itself.
    pub(super) fn read<M: Memory + ?Sized>(
        memory: &M,
        layout: &ObjectLayout,
        place: u64,
    ) -> Option<Self> {
        let mut bytes = [0; SIZE];
        memory.read(place, &mut bytes).ok()?;
        let (fields, record) = (layout.module, Record(&bytes));
        let range = |at: u64| {
            let range = record.u64(at)..record.u64(at + 8);
            let sound = range.start <= range.end && range.end - range.start <= MAX_VARIABLES;
            sound.then_some(range)
        };
        let types = record.u64(fields.types)..record.u64(fields.types_end);
        let masks = [fields.data_mask, fields.bss_mask];
        let ranges = [range(fields.data)?, range(fields.data + 16)?];
        let [data, bss] = [0, 1].map(|index| {
            let bits = u64::from(record.u32(masks[index]));
            let range = &ranges[index];
            // Its end need not be that of a word.
            let words = ((range.end - range.start) / 8).min(bits);
            (
                range.start..range.start + words * 8,
                record.u64(masks[index] + 8),
            )
        });
        (types.start < types.end).then(|| Self {
            parts: [data, bss],
            types,
            gofunc: fields.gofunc.map_or(0, |at| record.u64(at)),
            has_others: record.u64(fields.next) != 0,
        })
    }

    /// Where variables with pointers are.
    pub(super) fn ranges(&self) -> impl Iterator<Item = &Range<u64>> {
        self.parts.iter().map(|(range, _)| range)
    }

    /// Whether an address is one of a variable with pointers.
    pub(super) fn is_variable(&self, address: u64) -> bool {
        self.parts.iter().any(|(range, _)| range.contains(&address))
    }

    /// Hands on every word of variables that holds a pointer: where, and which.
    pub(super) fn pointers<M: Memory + ?Sized>(&self, memory: &M, mut take: impl FnMut(u64, u64)) {
        let mut buffer = vec![0; CHUNK as usize];
        let mut mask = vec![0; (CHUNK / 64) as usize];
        for (range, bits) in &self.parts {
            let mut at = range.start;
            while at < range.end {
                let length = (range.end - at).min(CHUNK);
                let bytes = &mut buffer[..length as usize];
                let mask = &mut mask[..length.div_ceil(64) as usize];
                let first = bits.wrapping_add((at - range.start) / 64);
                if memory.read(at, bytes).is_ok() && memory.read(first, mask).is_ok() {
                    let (words, _) = bytes.as_chunks::<8>();
                    for (index, word) in words.iter().enumerate() {
                        let value = u64::from_le_bytes(*word);
                        if value != 0 && mask[index / 8] >> (index % 8) & 1 == 1 {
                            take(at + index as u64 * 8, value);
                        }
                    }
                }
                at += length;
            }
        }
    }
}
