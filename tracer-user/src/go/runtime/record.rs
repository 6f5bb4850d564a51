//! Structures of the runtime, of which many are read with few calls.

use super::memory::{Memory, Part, Slice, Unreadable};
use crate::go::bytes::{u8_at, u16_at, u32_at, u64_at};

/// Bytes of pointers and of structures that are held at once.
const POINTERS: usize = 1 << 16;
const BATCH: usize = 1 << 20;

/// Bytes between structures that are read with them rather than in a part of their own.
const GAP: u64 = 512;

/// Bytes of a part, so that an unreadable page costs few others.
const MAX_PART: usize = 64 << 10;

/// The bytes of one structure; what lies outside of them is 0.
#[derive(Clone, Copy, Debug)]
pub(in crate::go) struct Record<'b>(pub(in crate::go) &'b [u8]);

impl Record<'_> {
    pub(in crate::go) fn u8(self, offset: u64) -> u8 {
        u8_at(self.0, offset as usize).unwrap_or_default()
    }

    pub(in crate::go) fn u16(self, offset: u64) -> u16 {
        u16_at(self.0, offset as usize).unwrap_or_default()
    }

    pub(in crate::go) fn u32(self, offset: u64) -> u32 {
        u32_at(self.0, offset as usize).unwrap_or_default()
    }

    pub(in crate::go) fn u64(self, offset: u64) -> u64 {
        u64_at(self.0, offset as usize).unwrap_or_default()
    }
}

/// Reads one structure of `size` bytes.
pub(in crate::go) fn read<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    size: u64,
) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = vec![0; size as usize];
    memory.read(address, &mut bytes)?;
    Ok(bytes)
}

/// Reads the first `size` bytes of every `stride`th structure that a slice of pointers lists, in
/// order, and says how many could not be read.
///
/// # Errors
/// When the pointers themselves cannot be read.
pub(in crate::go) fn each<M: Memory + ?Sized>(
    memory: &M,
    list: Slice,
    stride: u64,
    size: usize,
    mut take: impl FnMut(u64, Record<'_>),
) -> Result<u64, Unreadable> {
    let (mut missing, mut next) = (0, 0);
    let mut pointers = vec![0; POINTERS * 8];
    let mut buffer = vec![0; BATCH];
    while next < list.len {
        let count = (list.len - next).min(POINTERS as u64) as usize;
        let bytes = &mut pointers[..count * 8];
        let address = list.pointer.wrapping_add(next.wrapping_mul(8));
        memory.read(address, bytes)?;
        let (words, _) = bytes.as_chunks::<8>();
        let chosen = words.iter().step_by(stride.max(1) as usize);
        let chosen = chosen.map(|word| u64::from_le_bytes(*word));
        missing += batches(memory, chosen, size, &mut buffer, &mut take);
        // The next block goes on in step.
        let skipped = (count as u64).next_multiple_of(stride.max(1));
        next += skipped;
    }
    Ok(missing)
}

/// Structures that lie close to each other, and are read as one part.
#[derive(Debug)]
struct Run {
    part: Part,
    members: Vec<u64>,
}

fn batches<M: Memory + ?Sized>(
    memory: &M,
    pointers: impl Iterator<Item = u64>,
    size: usize,
    buffer: &mut [u8],
    take: &mut impl FnMut(u64, Record<'_>),
) -> u64 {
    let (mut runs, mut held, mut missing): (Vec<Run>, usize, u64) = (Vec::new(), 0, 0);
    for pointer in pointers {
        let room = buffer.len() - held;
        if let Some(added) = runs
            .last_mut()
            .and_then(|run| run.extend(pointer, size, room))
        {
            held += added;
            continue;
        }
        if room < size {
            missing += flush(memory, &mut runs, size, buffer, take);
            held = 0;
        }
        runs.push(Run {
            part: Part {
                address: pointer,
                length: size,
            },
            members: vec![pointer],
        });
        held += size;
    }
    missing + flush(memory, &mut runs, size, buffer, take)
}

impl Run {
    /// Takes one more structure in if it lies right behind; says by how many bytes that grew it.
    fn extend(&mut self, pointer: u64, size: usize, room: usize) -> Option<usize> {
        let end = self.part.address.checked_add(self.part.length as u64)?;
        let gap = pointer.checked_sub(end).filter(|gap| *gap <= GAP)? as usize;
        let grown = gap + size;
        if grown > room || self.part.length + grown > MAX_PART {
            return None;
        }
        self.part.length += grown;
        self.members.push(pointer);
        Some(grown)
    }
}

/// Reads the runs and hands their members on; says how many of them could not be read.
fn flush<M: Memory + ?Sized>(
    memory: &M,
    runs: &mut Vec<Run>,
    size: usize,
    buffer: &mut [u8],
    take: &mut impl FnMut(u64, Record<'_>),
) -> u64 {
    let parts: Vec<Part> = runs.iter().map(|run| run.part).collect();
    let (mut done, mut missing) = (0, 0);
    while done < runs.len() {
        let count = memory.read_many(&parts[done..], buffer);
        let mut at = 0;
        for run in runs.iter().skip(done).take(count) {
            for member in &run.members {
                let from = at + (member - run.part.address) as usize;
                take(*member, Record(&buffer[from..from + size]));
            }
            at += run.part.length;
        }
        done += count;
        if let Some(run) = runs.get(done) {
            missing += run.members.len() as u64;
            done += 1;
        }
    }
    runs.clear();
    missing
}
