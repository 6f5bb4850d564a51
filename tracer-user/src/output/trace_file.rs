//! The recording on disk: whole blocks only, whatever becomes of the disk or of us.

#[cfg(test)]
mod tests;

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::process::{Resource, getrlimit};
use tracer_core::{event::Event, trace::Encoder};

use super::new_file;
use crate::failure::Failure;

/// A trace file that grows block by block.
///
/// A failed write ends the recording, not the tracing: the file is cut back to its last whole
/// block, the error is kept, and further events are ignored. A file that is dropped without an
/// event is removed, so that the same command can be tried again.
pub struct TraceFile {
    path: PathBuf,
    file: File,
    /// `None` once the recording has ended.
    encoder: Option<Encoder>,
    written: Written,
    /// Past this size a write does not fail but kills the process (`RLIMIT_FSIZE`).
    max_bytes: u64,
}

/// What a trace file holds, and what ended it.
#[derive(Debug, Default)]
pub struct Written {
    /// The first error; `None` when all was written.
    pub error: Option<io::Error>,
    /// Bytes of the header and of all whole blocks.
    pub bytes: u64,
    /// Events in these blocks.
    pub events: u64,
    /// Events left out because they are over the limits of the format.
    pub refused_events: u64,
}

impl TraceFile {
    /// Creates the file, readable by its owner only, and writes its header.
    ///
    /// Under `sudo` it belongs to the user who called it. With `force`, a regular file of this
    /// name is removed first.
    ///
    /// # Errors
    /// When the name is taken, is no place for a file, or is not writable. A full disk is no
    /// error here: it ends the recording as it does later.
    pub fn create(path: &Path, force: bool) -> Result<Self, Failure> {
        let file = new_file::create(path, force)?;
        new_file::give_to_caller(&file);
        Ok(Self::over(file, path.to_owned()))
    }

    /// Begins a trace in an empty file.
    fn over(file: File, path: PathBuf) -> Self {
        let (encoder, header) = Encoder::new();
        let max_bytes = getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX);
        let written = Written::default();
        let mut trace = Self {
            path,
            file,
            encoder: Some(encoder),
            written,
            max_bytes,
        };
        trace.write(&header, 0);
        trace
    }

    /// Appends an event, and writes the open block when it is large.
    pub fn record(&mut self, event: &Event) {
        let Some(encoder) = &mut self.encoder else {
            return;
        };
        encoder.push(event);
        if encoder.should_flush() {
            self.tick();
        }
    }

    /// Writes the open block. What a `kill -9` can cost is what came since the last call.
    pub fn tick(&mut self) {
        let Some(encoder) = &mut self.encoder else {
            return;
        };
        if let Some(block) = encoder.take_block() {
            let events = encoder.events();
            self.written.refused_events = encoder.refused_events();
            self.write(&block, events);
        }
    }

    /// Writes what is left and the index, and waits until the disk has all of it.
    #[must_use]
    pub fn finish(mut self) -> Written {
        self.end();
        if self.written.error.is_none() {
            self.written.error = self.file.sync_data().err();
        }
        std::mem::take(&mut self.written)
    }

    /// The error that ended the recording.
    #[must_use]
    pub fn error(&self) -> Option<&io::Error> {
        self.written.error.as_ref()
    }

    /// Bytes of the header and of all whole blocks so far.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        self.written.bytes
    }

    /// Events in the blocks written so far.
    #[must_use]
    pub fn events_written(&self) -> u64 {
        self.written.events
    }

    fn end(&mut self) {
        self.tick();
        if let Some(encoder) = self.encoder.take() {
            let events = encoder.events();
            self.written.refused_events = encoder.refused_events();
            self.write(&encoder.finish(), events);
        }
    }

    /// Writes whole blocks, after which the file has `events` events.
    fn write(&mut self, blocks: &[u8], events: u64) {
        let end = self.written.bytes.saturating_add(blocks.len() as u64);
        let outcome = if end > self.max_bytes {
            Err(io::ErrorKind::FileTooLarge.into())
        } else {
            // Goes on after short and interrupted writes.
            self.file.write_all(blocks)
        };
        if let Err(error) = outcome {
            // What cannot be cut off stays as a damaged block, which readers step over.
            if let Err(error) = self.file.set_len(self.written.bytes) {
                tracing::debug!("cannot cut the trace back to its last block: {error}");
            }
            self.written.error = Some(error);
            self.encoder = None;
        } else {
            self.written.bytes = end;
            self.written.events = events;
        }
    }

    /// Whether the name still stands for this file.
    fn is_at_path(&self) -> io::Result<bool> {
        let (ours, there) = (self.file.metadata()?, fs::symlink_metadata(&self.path)?);
        Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino()))
    }
}

impl Drop for TraceFile {
    fn drop(&mut self) {
        let Some(encoder) = &self.encoder else {
            return;
        };
        if encoder.events() > 0 {
            self.end();
        } else if self.is_at_path().unwrap_or(false)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!("cannot remove the empty trace: {error}");
        }
    }
}
