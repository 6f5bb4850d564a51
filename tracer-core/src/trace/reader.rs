//! Blocks in, events out.

use super::block::BlockReader;
use super::damage::Damage;
use super::frame::{KIND_EVENTS, KIND_INDEX, Unpacker};
use super::header::{self, Header, OpenError, Opening};
use super::record::Malformed;
use super::scan::{self, Scanner};
use super::window::{Source, Window};
use crate::event::Event;

/// The events of a trace, in the order in which they were written.
///
/// Holds one block at a time, wherever the bytes are. Damage ends nothing: all whole blocks are read, and
/// [`Reader::damage`] says what was not.
pub struct Reader<S> {
    scanner: Scanner<S>,
    unpacker: Unpacker,
    block: Option<BlockReader>,
    /// Where the current block begins.
    offset: u64,
    header: Option<Header>,
    /// Events that should have been read before the current position, by the frames' numbers.
    expected_events: u64,
    /// The current block stood elsewhere when it was written.
    misplaced: bool,
    damage: Damage,
}

/// The longest header: its writer's name has at most 65 535 bytes.
const MAX_HEADER: usize = 128 << 10;

/// How far the first frame of a trace without its beginning is looked for.
const NEAR: usize = 1 << 20;

impl<'a> Reader<&'a [u8]> {
    /// Reads the header of a trace, all of which is in `trace`.
    ///
    /// # Errors
    ///
    /// When it is not a trace, or one of a newer major version.
    pub fn new(trace: &'a [u8]) -> Result<Self, OpenError> {
        Self::open(trace)
    }
}

impl<S: Source> Reader<S> {
    /// Reads the header of a trace that stays where it is.
    ///
    /// # Errors
    ///
    /// When it is not a trace, or one of a newer major version.
    pub fn open(source: S) -> Result<Self, OpenError> {
        let mut window = Window::new(source);
        let (header, begin) = match header::decode(window.get(0, MAX_HEADER))? {
            Opening::Whole(header) => {
                let begin = header.len as u64;
                (Some(header), begin)
            }
            Opening::Damaged => (None, 0),
            Opening::Unknown if scan::is_near(window.get(0, NEAR)) => (None, 0),
            Opening::Unknown => return Err(OpenError::NotATrace),
        };
        let damage = Damage {
            header: header.is_none(),
            ..Damage::default()
        };
        Ok(Self {
            scanner: Scanner::new(window, begin, header.is_none()),
            unpacker: Unpacker::default(),
            block: None,
            offset: begin,
            header,
            expected_events: 0,
            misplaced: false,
            damage,
        })
    }

    /// Name and version of the program that wrote the trace; `None` when the header is broken.
    #[must_use]
    pub fn writer(&self) -> Option<&str> {
        self.header.as_ref().map(|header| header.writer.as_str())
    }

    /// Version of the format; `None` when the header is broken.
    #[must_use]
    pub fn version(&self) -> Option<header::Version> {
        self.header.as_ref().map(|header| header.version)
    }

    /// Where the block of the last event begins in the file.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What could not be read so far; the whole truth once the iterator has ended.
    #[must_use]
    pub fn damage(&self) -> Damage {
        let mut damage = self.damage;
        damage.damaged_blocks += self.scanner.damaged_blocks;
        damage.skipped_bytes += self.scanner.skipped_bytes;
        damage
    }

    /// Goes to the next block of events; `false` at the end.
    fn advance(&mut self) -> bool {
        while let Some(block) = self.scanner.next_block() {
            self.damage.complete = false;
            self.misplaced = place(
                block.frame.first_event,
                &mut self.expected_events,
                &mut self.damage,
            );
            match block.frame.kind {
                KIND_EVENTS => {
                    let payload = self.unpacker.unpack(&block.frame, block.payload);
                    self.block = payload.and_then(BlockReader::new);
                    self.offset = block.offset;
                    if self.block.is_some() {
                        return true;
                    }
                    self.damage.damaged_blocks += 1;
                }
                KIND_INDEX => self.damage.complete = block.is_last,
                _ => self.damage.unknown_blocks += 1,
            }
        }
        false
    }

    /// Reads the next event in place, which saves copies; `false` at the end, where it means nothing.
    pub fn read_next(&mut self, event: &mut Event) -> bool {
        loop {
            let Some(block) = &mut self.block else {
                if self.advance() {
                    continue;
                }
                return false;
            };
            match block.read_next(event) {
                Some(Ok(true)) => {
                    self.count_event();
                    return true;
                }
                Some(Ok(false)) => {
                    self.count_event();
                    self.damage.unknown_events += 1;
                }
                Some(Err(Malformed)) => {
                    self.damage.damaged_blocks += 1;
                    self.block = None;
                }
                None => self.block = None,
            }
        }
    }

    fn count_event(&mut self) {
        if self.misplaced {
            // Missed at its own place, if it was.
            self.damage.missing_events = self.damage.missing_events.saturating_sub(1);
        } else {
            self.expected_events = self.expected_events.saturating_add(1);
        }
    }
}

/// Compares where a block stands with where its number says it stood; true when it was moved.
fn place(first_event: u64, expected_events: &mut u64, damage: &mut Damage) -> bool {
    let misplaced = first_event < *expected_events;
    if misplaced {
        damage.misplaced_blocks += 1;
    } else {
        let missing = first_event - *expected_events;
        damage.missing_events = damage.missing_events.saturating_add(missing);
        *expected_events = first_event;
    }
    misplaced
}

impl<S: Source> Iterator for Reader<S> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        self.read_next(&mut event).then_some(event)
    }
}
