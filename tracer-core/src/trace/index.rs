//! Where the blocks of a trace are, and when.

use prost::Message;

use super::block::Span;
use super::frame::{FRAME_BYTES, Frame, KIND_INDEX, Unpacker};
use super::header::{self, OpenError, Opening};
use super::reader::Reader;
use super::wire;
use crate::event::Timestamp;

/// Most entries of an index; past it, neighbours are joined two by two.
const MAX_ENTRIES: usize = 1 << 16;

/// The blocks of events of a trace, in file order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Index {
    /// One for each block, or for several that follow each other when there are very many.
    pub entries: Vec<IndexEntry>,
}

/// One block, or several that follow each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IndexEntry {
    /// Where the first block begins in the file.
    pub offset: u64,
    /// Number of blocks.
    pub blocks: u64,
    /// Number of events in them.
    pub events: u64,
    /// The earliest event.
    pub first: Timestamp,
    /// The latest event.
    pub last: Timestamp,
}

impl Index {
    /// The index at the end of a trace, else one rebuilt by reading all of it.
    ///
    /// # Errors
    ///
    /// As [`Reader::new`].
    pub fn of(trace: &[u8]) -> Result<Self, OpenError> {
        match header::decode(trace)? {
            Opening::Whole(header) => {
                stored(trace, header.len).map_or_else(|| Self::rebuild(trace), Ok)
            }
            Opening::Damaged | Opening::Unknown => Self::rebuild(trace),
        }
    }

    /// The index of the blocks that can be read.
    ///
    /// # Errors
    ///
    /// As [`Reader::new`].
    pub fn rebuild(trace: &[u8]) -> Result<Self, OpenError> {
        let mut reader = Reader::new(trace)?;
        let mut builder = IndexBuilder::default();
        let mut block: Option<(u64, Span)> = None;
        while let Some(event) = reader.next() {
            let offset = reader.offset();
            block = match block {
                Some((begin, span)) if begin == offset => {
                    Some((begin, Span::with(Some(span), event.at)))
                }
                before => {
                    builder.add_block(before);
                    Some((offset, Span::with(None, event.at)))
                }
            };
        }
        builder.add_block(block);
        Ok(Self {
            entries: builder.entries,
        })
    }
}

/// Goes from frame to frame to the last block and reads it, when it is the index.
fn stored(trace: &[u8], mut offset: usize) -> Option<Index> {
    loop {
        let rest = trace.get(offset..)?;
        let frame = Frame::parse(rest)?;
        let payload = rest.get(FRAME_BYTES..FRAME_BYTES + frame.stored_bytes())?;
        offset += FRAME_BYTES + payload.len();
        if offset == trace.len() && frame.kind == KIND_INDEX && frame.matches(payload) {
            let mut unpacker = Unpacker::default();
            let index = wire::Index::decode(unpacker.unpack(&frame, payload)?).ok()?;
            return Some(Index {
                entries: index.entries.into_iter().map(Into::into).collect(),
            });
        }
    }
}

/// Collects entries, in bounded memory.
#[derive(Default)]
pub(super) struct IndexBuilder {
    entries: Vec<IndexEntry>,
}

impl IndexBuilder {
    pub(super) fn add(&mut self, entry: IndexEntry) {
        if self.entries.len() >= MAX_ENTRIES {
            self.entries = self
                .entries
                .chunks(2)
                .filter_map(|pair| pair.iter().copied().reduce(IndexEntry::join))
                .collect();
        }
        self.entries.push(entry);
    }

    fn add_block(&mut self, block: Option<(u64, Span)>) {
        if let Some((
            offset,
            Span {
                events,
                first,
                last,
            },
        )) = block
        {
            self.add(IndexEntry {
                offset,
                blocks: 1,
                events,
                first,
                last,
            });
        }
    }

    pub(super) fn into_message(self) -> wire::Index {
        wire::Index {
            entries: self.entries.into_iter().map(Into::into).collect(),
        }
    }
}

impl IndexEntry {
    fn join(self, next: Self) -> Self {
        Self {
            offset: self.offset,
            blocks: self.blocks.saturating_add(next.blocks),
            events: self.events.saturating_add(next.events),
            first: self.first.min(next.first),
            last: self.last.max(next.last),
        }
    }
}

impl From<IndexEntry> for wire::IndexEntry {
    fn from(entry: IndexEntry) -> Self {
        let IndexEntry {
            offset,
            blocks,
            events,
            first,
            last,
        } = entry;
        Self {
            offset,
            blocks,
            events,
            first_ns: first.0,
            last_ns: last.0,
        }
    }
}

impl From<wire::IndexEntry> for IndexEntry {
    fn from(entry: wire::IndexEntry) -> Self {
        let wire::IndexEntry {
            offset,
            blocks,
            events,
            first_ns,
            last_ns,
        } = entry;
        Self {
            offset,
            blocks,
            events,
            first: Timestamp(first_ns),
            last: Timestamp(last_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_stays_small() {
        let mut builder = IndexBuilder::default();
        let blocks = MAX_ENTRIES as u64 * 5 / 2;
        for number in 0..blocks {
            let at = Timestamp(number);
            builder.add(IndexEntry {
                offset: number * 10,
                blocks: 1,
                events: 2,
                first: at,
                last: at,
            });
        }
        assert!(builder.entries.len() <= MAX_ENTRIES);
        assert_eq!(
            builder
                .entries
                .iter()
                .map(|entry| entry.blocks)
                .sum::<u64>(),
            blocks
        );
        assert_eq!(
            builder
                .entries
                .iter()
                .map(|entry| entry.events)
                .sum::<u64>(),
            blocks * 2
        );
        for pair in builder.entries.windows(2) {
            assert_eq!(pair[1].offset, pair[0].offset + pair[0].blocks * 10);
            assert_eq!(pair[1].first.0, pair[0].last.0 + 1);
        }
    }
}
