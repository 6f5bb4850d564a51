//! One bucket of the list: its header, its stack and its record, as they lie in memory.

use super::super::blocks::{Blocks, Failed};
use super::super::memory::Memory;
use super::layout::{CYCLES, FUTURES, HEADER_SIZE, Layout, MEMORY};
use super::{Counts, Error};

/// Bytes of a record in the releases with the larger one.
const MAX_RECORD: usize = CYCLES * 32;

/// The header of a bucket, which never changes once the bucket is in the list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header {
    /// The bucket before it; 0 at the end of the list.
    pub(super) next: u64,
    hash: u64,
    /// Bytes of each object.
    pub(super) size: u64,
    /// Words of the stack.
    pub(super) depth: usize,
}

/// What a bucket counts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Record {
    pub(super) active: Counts,
    pub(super) future: [Counts; FUTURES as usize],
}

impl Header {
    pub(super) fn read<M: Memory>(
        blocks: &mut Blocks<'_, M>,
        address: u64,
        layout: Layout,
    ) -> Result<Self, Error> {
        let mut bytes = [0; HEADER_SIZE];
        blocks.read(address, &mut bytes)?;
        let (words, _) = bytes.as_chunks::<8>();
        let [_, next, kind, hash, size, depth] = [0, 1, 2, 3, 4, 5].map(|index| word(words, index));
        if kind != MEMORY {
            return Err(Error::Damaged("a bucket of another kind"));
        }
        let depth = usize::try_from(depth)
            .ok()
            .filter(|depth| *depth <= layout.max_stack)
            .ok_or(Error::Damaged("a stack that is too deep"))?;
        Ok(Self {
            next,
            hash,
            size,
            depth,
        })
    }

    /// Whether the runtime filed this stack and size here (`stkbucket`).
    pub(super) fn is_of(&self, stack: &[u64]) -> bool {
        let mix = |hash: u64, value: u64| {
            let hash = hash.wrapping_add(value);
            let hash = hash.wrapping_add(hash << 10);
            hash ^ (hash >> 6)
        };
        let hash = stack.iter().fold(0, |hash, pc| mix(hash, *pc));
        let hash = mix(hash, self.size);
        let hash = hash.wrapping_add(hash << 3);
        hash ^ (hash >> 11) == self.hash
    }
}

/// Appends the stack of a bucket, innermost first: where each call returns to.
pub(super) fn read_stack<M: Memory>(
    blocks: &mut Blocks<'_, M>,
    address: u64,
    depth: usize,
    into: &mut Vec<u64>,
) -> Result<(), Error> {
    let mut bytes = vec![0; depth * 8];
    blocks.read(address.wrapping_add(HEADER_SIZE as u64), &mut bytes)?;
    let (words, _) = bytes.as_chunks::<8>();
    into.extend(words.iter().map(|word| u64::from_le_bytes(*word)));
    Ok(())
}

impl Record {
    pub(super) fn read<M: Memory>(
        blocks: &mut Blocks<'_, M>,
        address: u64,
        header: &Header,
        layout: Layout,
    ) -> Result<Self, Error> {
        let behind = (HEADER_SIZE + header.depth * 8) as u64;
        let mut bytes = [0; MAX_RECORD];
        let bytes = &mut bytes[..CYCLES * layout.cycle_size];
        blocks.read(address.wrapping_add(behind), bytes)?;
        let (words, _) = bytes.as_chunks::<8>();
        let cycle = |index: usize| &words[index * layout.cycle_size / 8..];
        let active = Counts::of(cycle(0));
        // Where the runtime keeps the bytes too, they are those of the objects.
        let bytes = |count: u64| count.wrapping_mul(header.size);
        let kept = [word(cycle(0), 2), word(cycle(0), 3)];
        if layout.has_bytes() && kept != [bytes(active.allocs), bytes(active.frees)] {
            return Err(Error::Torn("bytes that are not those of the objects"));
        }
        Ok(Self {
            active,
            future: [1, 2, 3].map(|index| Counts::of(cycle(index))),
        })
    }
}

impl Counts {
    fn of(cycle: &[[u8; 8]]) -> Self {
        Self {
            allocs: word(cycle, 0),
            frees: word(cycle, 1),
        }
    }
}

fn word(words: &[[u8; 8]], index: usize) -> u64 {
    words.get(index).map_or(0, |word| u64::from_le_bytes(*word))
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Unreadable(range) => Self::Unreadable(range),
            Failed::OverBudget => Self::Damaged("buckets all over the memory"),
        }
    }
}
