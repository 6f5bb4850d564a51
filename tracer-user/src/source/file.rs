//! A trace file as a source of events.

use std::{
    fs::File,
    io::ErrorKind,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use tracer_core::{
    event::{Event, EventKind, Mapping, Timestamp},
    node::Node,
    trace,
    window::{Window, Windowed},
};

use super::naming::Naming;
use crate::{
    failure::{ExitStatus, Failure},
    symbols::Listing,
};

/// A trace that was read to its end.
#[derive(Debug)]
pub struct Replay {
    /// The engine, which knows what the trace tells.
    pub node: Node,
    /// The mappings as they were last listed in the window.
    pub mappings: Vec<Mapping>,
    /// What could not be read.
    pub damage: trace::Damage,
    /// Names of the files at hand that are of no build in the trace.
    pub strangers: Vec<String>,
    /// Names of the files at hand that could not be read whole, and why.
    pub troubles: Vec<(String, String)>,
}

/// Replays a window of a trace, with the names that the files at hand add.
///
/// # Errors
/// When it is no trace, or of a newer version.
pub fn replay(path: &Path, window: Window, files: &mut [Listing]) -> Result<Replay, Failure> {
    let mut file = open(path)?;
    let mut reader = trace::Reader::open(&mut file).map_err(|error| {
        let hint = match error {
            trace::OpenError::TooNew { .. } => "analyse it with the tracer that recorded it",
            trace::OpenError::NotATrace => "give a file that `tracer attach -o FILE.trace` wrote",
        };
        Failure::new(
            ExitStatus::Damaged,
            format!("{}: {error}", path.display()),
            hint,
        )
    })?;
    let mut windowed = Windowed::new(window);
    let mut naming = Naming::default();
    let mut mappings = Vec::new();
    let mut last = Timestamp::default();
    let mut event = Event::default();
    while reader.read_next(&mut event) {
        if let EventKind::Mappings(listed) = &event.kind
            && !windowed.is_over(&event)
        {
            mappings.clone_from(listed);
        }
        if !files.is_empty() {
            naming.note(&event);
        }
        windowed.apply(&event);
        last = last.max(event.at);
    }
    let damage = reader.damage();
    if let Some(error) = file.error {
        return Err(unreadable(path, &error.to_string()));
    }
    let improved = naming.improve(files);
    for (process, symbols) in improved.symbols {
        windowed.apply(&Event {
            at: last,
            process,
            kind: EventKind::Symbols(symbols),
        });
    }
    Ok(Replay {
        node: windowed.finish(),
        mappings,
        damage,
        strangers: improved.strangers,
        troubles: improved.troubles,
    })
}

/// A trace file, of which parts are read; as long as it was when it was opened.
struct TraceFile {
    file: File,
    len: u64,
    /// Why a part could not be read.
    error: Option<std::io::Error>,
}

impl trace::Source for &mut TraceFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> usize {
        let mut read = 0;
        while read < buffer.len() {
            let at = offset.saturating_add(read as u64);
            match self.file.read_at(&mut buffer[read..], at) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.error = Some(error);
                    break;
                }
            }
        }
        read
    }
}

fn open(path: &Path) -> Result<TraceFile, Failure> {
    // Opening a FIFO must not wait for a writer.
    let file = File::options()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(path)
        .map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => Failure::unsupported(
                format!("no permission to read {}: {error}", path.display()),
                "a trace is private to the user who recorded it: read it as that user, or with sudo",
            ),
            _ => unreadable(path, &error.to_string()),
        })?;
    let metadata = file
        .metadata()
        .map_err(|error| unreadable(path, &error.to_string()))?;
    if !metadata.is_file() {
        return Err(unreadable(path, "it is not a regular file"));
    }
    Ok(TraceFile {
        file,
        len: metadata.len(),
        error: None,
    })
}

fn unreadable(path: &Path, why: &str) -> Failure {
    Failure::usage(
        format!("cannot read {}: {why}", path.display()),
        "give a file that `tracer attach -o FILE.trace` wrote",
    )
}
