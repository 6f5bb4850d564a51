//! The events of one block, written to columns and read from them.

use prost::Message;

use super::allocation;
use super::call::{self, Last};
use super::column::{Column, Columns, Cursors, Port};
use super::creation;
use super::fault;
use super::kind::{Kind, blank_call};
use super::record::{self, Malformed};
use super::wire::Events;
use crate::event::{Access, Allocated, Creation, Event, EventKind, Faults, ProcessId, Timestamp};

/// Columns that grow event by event.
#[derive(Default)]
pub(super) struct BlockWriter {
    columns: Columns,
    last: Last,
    last_created: u64,
    time: u64,
    runs: Runs,
    span: Option<Span>,
}

/// How many events, and from when to when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Span {
    pub(super) events: u64,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

impl Span {
    /// The span with an event more.
    pub(super) fn with(span: Option<Self>, at: Timestamp) -> Self {
        span.map_or(
            Self {
                events: 1,
                first: at,
                last: at,
            },
            |span| Self {
                events: span.events + 1,
                first: span.first.min(at),
                last: span.last.max(at),
            },
        )
    }
}

impl BlockWriter {
    /// Bytes the block has before compression, but for a few per column.
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    pub(super) fn span(&self) -> Option<Span> {
        self.span
    }

    /// Appends an event. `record` is its message, if its kind has one.
    pub(super) fn push(&mut self, event: &Event, record: Option<&[u8]>) {
        let Event { at, process, kind } = event;
        self.span = Some(Span::with(self.span, *at));
        self.runs.write(&mut self.columns, *process);
        // Columns that are written to take every value.
        let _ = self.columns.uint(Column::Kinds, Kind::of(kind).to_number());
        let _ = self.columns.delta(Column::Times, &mut self.time, at.0);
        match kind {
            EventKind::Call(what) => {
                let _ = call::pass(&mut self.columns, &mut self.last, *at, &mut what.clone());
            }
            EventKind::Faults(faults) => {
                let _ = fault::pass(&mut self.columns, &mut faults.clone());
            }
            EventKind::Created(creation) => {
                let _ = creation::pass(
                    &mut self.columns,
                    &mut self.last_created,
                    &mut creation.clone(),
                );
            }
            EventKind::Allocated(allocated) => {
                let _ = allocation::pass(&mut self.columns, &mut allocated.clone());
            }
            _ => {}
        }
        if let Some(record) = record {
            self.columns.put_message(Column::Records, record);
        }
    }

    /// The payload.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.runs.pass(&mut self.columns);
        Events::from_columns(self.columns.into_bytes()).encode_to_vec()
    }
}

/// Columns that are read event by event.
pub(super) struct BlockReader {
    cursors: Cursors,
    last: Last,
    last_created: u64,
    time: u64,
    runs: Runs,
}

impl BlockReader {
    /// `None` when the payload is no block of events.
    pub(super) fn new(payload: &[u8]) -> Option<Self> {
        let columns = Events::decode(payload).ok()?.into_columns();
        let cursors = Cursors::new(columns);
        Some(Self {
            cursors,
            last: Last::default(),
            last_created: 0,
            time: 0,
            runs: Runs::default(),
        })
    }

    /// Reads the next event in place: `Ok(false)` for one that a newer writer knows, an error when
    /// the rest of the block is lost.
    pub(super) fn read_next(&mut self, event: &mut Event) -> Option<Result<bool, Malformed>> {
        (!self.cursors.at_end(Column::Kinds)).then(|| self.read(event))
    }

    fn read(&mut self, event: &mut Event) -> Result<bool, Malformed> {
        let (number, at, process) = self.read_head().ok_or(Malformed)?;
        (event.at, event.process) = (at, process);
        match Kind::from_number(number) {
            Some(Kind::Record) => {
                let record = self.cursors.take_message(Column::Records);
                let Some(kind) = record::decode(record.ok_or(Malformed)?)? else {
                    return Ok(false);
                };
                event.kind = kind;
            }
            Some(kind) => {
                event.kind = blank_event(kind).ok_or(Malformed)?;
                self.read_values(event).ok_or(Malformed)?;
            }
            None => return Ok(false),
        }
        Ok(true)
    }

    fn read_head(&mut self) -> Option<(u64, Timestamp, ProcessId)> {
        let number = self.cursors.uint(Column::Kinds, 0)?;
        let at = self.cursors.delta(Column::Times, &mut self.time, 0)?;
        Some((number, Timestamp(at), self.runs.read(&mut self.cursors)?))
    }

    fn read_values(&mut self, event: &mut Event) -> Option<()> {
        match &mut event.kind {
            EventKind::Call(call) => call::pass(&mut self.cursors, &mut self.last, event.at, call),
            EventKind::Faults(faults) => fault::pass(&mut self.cursors, faults),
            EventKind::Created(creation) => {
                creation::pass(&mut self.cursors, &mut self.last_created, creation)
            }
            EventKind::Allocated(allocated) => allocation::pass(&mut self.cursors, allocated),
            _ => Some(()),
        }
    }
}

/// An event without its values; `None` for one whose values are a message.
fn blank_event(kind: Kind) -> Option<EventKind> {
    Some(match kind {
        Kind::Record => return None,
        Kind::Faults => EventKind::Faults(Faults {
            stack: None,
            access: Access::Write,
            count: 0,
        }),
        Kind::Exec => EventKind::Exec,
        Kind::Exit => EventKind::Exit,
        Kind::Tick => EventKind::Tick,
        Kind::Created => EventKind::Created(Creation {
            goroutine: 0,
            creator: None,
            stack: None,
        }),
        Kind::Allocated => EventKind::Allocated(Allocated::default()),
        Kind::Call {
            code,
            answer,
            entered,
        } => EventKind::Call(blank_call(code, answer, entered)?),
    })
}

/// Events of one process after the other: their number, then the process.
#[derive(Default)]
struct Runs {
    process: ProcessId,
    /// Events in the run: so far when writing, still to come when reading.
    events: u64,
    tgid: u64,
    start_ticks: u64,
}

impl Runs {
    fn write(&mut self, columns: &mut Columns, process: ProcessId) {
        if self.process != process {
            if self.events > 0 {
                self.pass(columns);
            }
            self.process = process;
            self.events = 0;
        }
        self.events += 1;
    }

    fn read(&mut self, cursors: &mut Cursors) -> Option<ProcessId> {
        if self.events == 0 {
            self.pass(cursors)?;
        }
        // A run of nothing is not what a writer makes.
        self.events = self.events.checked_sub(1)?;
        Some(self.process)
    }

    fn pass<P: Port>(&mut self, port: &mut P) -> Option<()> {
        let ProcessId { tgid, start_ticks } = self.process;
        self.events = u64::try_from(port.sint(Column::Processes, self.events as i64)?).ok()?;
        let tgid = port.delta(Column::Processes, &mut self.tgid, u64::from(tgid))?;
        let start_ticks = port.delta(Column::Processes, &mut self.start_ticks, start_ticks)?;
        self.process = ProcessId {
            tgid: u32::try_from(tgid).ok()?,
            start_ticks,
        };
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(tgid: u32, at: u64) -> Event {
        let process = ProcessId {
            tgid,
            start_ticks: u64::from(tgid) * 100,
        };
        Event {
            at: Timestamp(at),
            process,
            kind: EventKind::Tick,
        }
    }

    /// Reads `payload` until it ends, as text: the events' pids, `?` unknown, `!` malformed.
    fn read(payload: &[u8]) -> String {
        let Some(mut block) = BlockReader::new(payload) else {
            return "no block".to_owned();
        };
        let mut out = String::new();
        let mut read = Event::default();
        while let Some(next) = block.read_next(&mut read) {
            match next {
                Ok(true) => out += &read.process.tgid.to_string(),
                Ok(false) => out.push('?'),
                Err(Malformed) => return out + "!",
            }
        }
        out
    }

    #[test]
    fn processes_are_written_run_by_run() {
        let mut block = BlockWriter::default();
        for (tgid, at) in [(1, 5), (1, 9), (2, 7), (1, 8), (3, 6), (3, 6)] {
            block.push(&event(tgid, at), None);
        }
        let span = Span {
            events: 6,
            first: Timestamp(5),
            last: Timestamp(9),
        };
        assert_eq!(block.span(), Some(span));
        assert_eq!(read(&block.finish()), "112133");
    }

    /// Reads a payload made by hand: kinds, times, processes.
    #[track_caller]
    fn check(kinds: &[u8], times: &[u8], processes: &[u8], expected: &str) {
        let mut payload = Vec::new();
        for (number, column) in (1..).zip([kinds, times, processes]) {
            payload.extend_from_slice(&[number << 3 | 2, column.len() as u8]);
            payload.extend_from_slice(column);
        }
        assert_eq!(read(&payload), expected);
    }

    #[test]
    fn columns_that_do_not_fit_together_end_the_block() {
        check(&[5, 5], &[0, 0], &[4, 8, 0], "44");
        check(&[5, 5], &[0], &[4, 8, 0], "4!");
        check(&[5, 5], &[0, 0], &[2, 8, 0], "4!");
        check(&[5, 5], &[0, 0], &[0, 8, 0], "!");
        check(&[5, 5], &[0, 0], &[1, 8, 0], "!");
        check(&[5, 5], &[0, 0], &[4, 7, 0], "!");
        check(&[5, 1], &[0, 0], &[4, 8, 0], "4!");
        check(&[5, 16], &[0, 0], &[4, 8, 0], "4!");
        check(&[5, 0x80], &[0, 0], &[4, 8, 0], "4!");
    }

    #[test]
    fn kinds_of_the_future_are_stepped_over() {
        check(&[5, 0, 8, 15, 112, 5], &[0; 6], &[12, 8, 0], "4????4");
        assert_eq!(read(b""), "");
        assert_eq!(read(b"\xff"), "no block");
        // A field that is not known yet.
        assert_eq!(
            read(b"\x0a\x01\x05\x12\x01\x00\x1a\x03\x02\x08\x00\xfa\x07\x01x"),
            "4"
        );
    }
}
