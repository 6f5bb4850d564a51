//! A trace file as a source of events.

use std::{fs::File, io::Read as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use tracer_core::{node::Node, trace};

use crate::failure::{ExitStatus, Failure};

/// The largest trace that is read.
const MAX_BYTES: u64 = 16 << 30;

/// Replays a trace; returns the engine and what could not be read.
///
/// # Errors
/// When it is no trace, or of a newer version.
pub fn replay(path: &Path) -> Result<(Node, trace::Damage), Failure> {
    let bytes = read(path)?;
    let mut reader = trace::Reader::new(&bytes).map_err(|error| {
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
    let mut node = Node::default();
    for event in reader.by_ref() {
        node.apply(&event);
    }
    Ok((node, reader.damage()))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let denied = |error: &std::io::Error| {
        Failure::unsupported(
            format!("no permission to read {}: {error}", path.display()),
            "a trace is private to the user who recorded it: read it as that user, or with sudo",
        )
    };
    let fail = |error: String| {
        Failure::usage(
            format!("cannot read {}: {error}", path.display()),
            "give a file that `tracer attach -o FILE.trace` wrote",
        )
    };
    // Opening a FIFO must not wait for a writer.
    let file = File::options()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(path)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::PermissionDenied => denied(&error),
            _ => fail(error.to_string()),
        })?;
    let metadata = file.metadata().map_err(|error| fail(error.to_string()))?;
    if !metadata.is_file() {
        return Err(fail("it is not a regular file".to_owned()));
    }
    if metadata.len() > MAX_BYTES {
        return Err(fail(format!(
            "it has {} bytes, more than {MAX_BYTES}",
            metadata.len()
        )));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| fail(error.to_string()))?;
    Ok(bytes)
}
