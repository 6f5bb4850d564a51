//! Events in, blocks out.

use prost::Message;

use super::block::BlockWriter;
use super::frame::{KIND_EVENTS, KIND_INDEX, Packer};
use super::index::{IndexBuilder, IndexEntry};
use super::kind::Kind;
use super::{MAX_RAW_BYTES, header, record};
use crate::event::{Event, EventKind, Peer};

/// A block of this size compresses about as well as a larger one.
const FULL_BYTES: usize = 512 << 10;

/// Kept free in each block: an event without its message, and the fields around the columns.
const RESERVE_BYTES: usize = 4096;

/// Longest path of a Unix socket that is written. The kernel's limit is 108.
const MAX_PATH_BYTES: usize = 1024;

/// Turns events into the bytes of a trace; the caller writes them.
///
/// ```
/// use tracer_core::trace::{Encoder, Reader};
/// # let events: Vec<tracer_core::event::Event> = Vec::new();
/// let (mut encoder, mut bytes) = Encoder::new();
/// for event in &events {
///     encoder.push(event);
///     if encoder.should_flush() {
///         bytes.extend(encoder.take_block().unwrap_or_default());
///     }
/// }
/// bytes.extend(encoder.finish());
/// assert!(Reader::new(&bytes)?.eq(events));
/// # Ok::<(), tracer_core::trace::OpenError>(())
/// ```
pub struct Encoder {
    open: BlockWriter,
    /// Blocks that had to end before they were asked for.
    sealed: Vec<u8>,
    packer: Packer,
    index: IndexBuilder,
    /// Bytes of the header and of all blocks that were sealed.
    offset: u64,
    sealed_events: u64,
    refused_events: u64,
}

impl Encoder {
    /// An encoder, and the header the trace begins with.
    #[must_use]
    pub fn new() -> (Self, Vec<u8>) {
        let header = header::encode();
        let encoder = Self {
            open: BlockWriter::default(),
            sealed: Vec::new(),
            packer: Packer::default(),
            index: IndexBuilder::default(),
            offset: header.len() as u64,
            sealed_events: 0,
            refused_events: 0,
        };
        (encoder, header)
    }

    /// Appends an event to the open block.
    ///
    /// An event over the limits of the format, which no real process reaches, is left out and
    /// counted.
    pub fn push(&mut self, event: &Event) {
        let message = match Kind::of(&event.kind) {
            Kind::Record => record::encode(&event.kind),
            _ => None,
        };
        let bytes = message.as_ref().map_or(0, Vec::len);
        if !fits(&event.kind, message.as_deref()) {
            self.refused_events += 1;
            return;
        }
        if self.open.len() + bytes > MAX_RAW_BYTES - RESERVE_BYTES {
            self.seal();
        }
        self.open.push(event, message.as_deref());
    }

    /// Whether the open block is large enough to be written.
    #[must_use]
    pub fn should_flush(&self) -> bool {
        !self.sealed.is_empty() || self.open.len() >= FULL_BYTES
    }

    /// Ends the open block. The bytes are whole blocks, to be appended with one write; `None`
    /// when there was no event since the last.
    pub fn take_block(&mut self) -> Option<Vec<u8>> {
        self.seal();
        let sealed = std::mem::take(&mut self.sealed);
        (!sealed.is_empty()).then_some(sealed)
    }

    /// Ends the trace: the last block, if it has events, and the index.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let mut bytes = self.take_block().unwrap_or_default();
        let index = self.index.into_message().encode_to_vec();
        self.packer
            .pack(KIND_INDEX, self.sealed_events, &index, &mut bytes);
        bytes
    }

    /// Events taken so far, those in the open block included.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.sealed_events + self.open.span().map_or(0, |span| span.events)
    }

    /// Events left out because they are over the limits of the format.
    #[must_use]
    pub fn refused_events(&self) -> u64 {
        self.refused_events
    }

    fn seal(&mut self) {
        let Some(span) = self.open.span() else {
            return;
        };
        let payload = std::mem::take(&mut self.open).finish();
        let before = self.sealed.len();
        self.packer
            .pack(KIND_EVENTS, self.sealed_events, &payload, &mut self.sealed);
        self.index.add(IndexEntry {
            offset: self.offset,
            blocks: 1,
            events: span.events,
            first: span.first,
            last: span.last,
        });
        self.offset += (self.sealed.len() - before) as u64;
        self.sealed_events += span.events;
    }
}

/// Whether an event is within the limits of the format.
fn fits(event: &EventKind, message: Option<&[u8]>) -> bool {
    use crate::event::Syscall::{Accept, Connect};

    match event {
        EventKind::Call(call) => match &call.what {
            Connect {
                peer: Some(Peer::Unix(path)),
                ..
            }
            | Accept {
                peer: Some(Peer::Unix(path)),
                ..
            } => path.len() <= MAX_PATH_BYTES,
            _ => true,
        },
        other => {
            Kind::of(other) != Kind::Record
                || message.is_some_and(|message| message.len() <= MAX_RAW_BYTES - RESERVE_BYTES)
        }
    }
}
