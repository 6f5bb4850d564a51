//! Memory that may hold pointers, in pieces of one read.

use super::spans::Span;
use crate::go::runtime::Part;

/// Bytes of a chunk.
const CHUNK: u64 = 1 << 20;
/// Spans above this come first: tables and arrays usually end a search.
const LARGE: u64 = 32 << 10;
/// Chunks that are listed, some 60 bytes each: 256 GiB, which no search has the time to read.
const MAX_CHUNKS: usize = 1 << 18;

/// What is read at once.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) pieces: Vec<Piece>,
}

/// Neighbouring objects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Piece {
    pub(super) start: u64,
    end: u64,
}

impl Piece {
    pub(super) fn part(&self) -> Part {
        Part {
            address: self.start,
            length: (self.end - self.start) as usize / 8 * 8,
        }
    }
}

/// Spans that may hold pointers, large objects first, and whether these are all.
pub(super) fn chunks(spans: &[Span]) -> (Vec<Chunk>, bool) {
    let with_pointers = || spans.iter().filter(|span| span.has_pointers());
    let large = with_pointers().filter(|span| span.slot > LARGE);
    let small = with_pointers().filter(|span| span.slot <= LARGE);
    let (mut chunks, mut chunk, mut room) = (Vec::new(), Chunk::default(), CHUNK);
    for span in large.chain(small) {
        let mut at = span.start;
        while at < span.end {
            let end = span.end.min(at.saturating_add(room));
            match chunk.pieces.last_mut() {
                Some(last) if last.end == at => last.end = end,
                _ => chunk.pieces.push(Piece { start: at, end }),
            }
            room -= end - at;
            at = end;
            if room == 0 {
                chunks.push(std::mem::take(&mut chunk));
                room = CHUNK;
                if chunks.len() == MAX_CHUNKS {
                    return (chunks, false);
                }
            }
        }
    }
    if !chunk.pieces.is_empty() {
        chunks.push(chunk);
    }
    (chunks, true)
}
