//! Names of code that is not Go, asked of a helper process: one for each file.
//!
//! Symbol tables and DWARF are read by blazesym, which maps files and inflates sections as they
//! ask for it. The target chose these files, so this is done where memory, time and rights are
//! limited, and where the end of it is no harm. Go's tables are read by parsers of our own, which
//! bound what they take, so they need no such place, and most targets need no helper.

mod helper;
mod pool;
mod snapshot;

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tracer_core::event::FrameKind;

use crate::go::Frame as Call;

pub use helper::serve;
pub(super) use pool::Helpers;

/// The hidden command that makes a process a helper.
pub const COMMAND: &str = "name-foreign-code";

/// An argument of it: only symbol tables are read.
pub const SYMBOLS_ONLY: &str = "--symbols-only";

/// The longest one question may take, the reading of the file included. There may be two of them,
/// and nothing may take two seconds.
const LIMIT: Duration = Duration::from_millis(750);

/// Bytes of an answer: 256 addresses with two hundred inlined calls each have half of it.
const MAX_ANSWER: usize = 8 << 20;

/// Addresses in one question.
const MAX_ADDRESSES: usize = 256;

/// Characters of a reason that a helper gives.
const MAX_REASON: usize = 200;

/// What of a file is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Depth {
    /// Symbols and DWARF.
    DebugInformation,
    /// The symbol tables alone, which are a hundredth of it.
    Symbols,
}

/// A call at an address, as the helper tells it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct ForeignFrame {
    pub(super) function: String,
    pub(super) file: String,
    pub(super) line: u32,
    pub(super) inlined: bool,
}

impl ForeignFrame {
    pub(super) fn as_call(&self) -> Call<'_> {
        Call {
            function: Cow::Borrowed(&self.function),
            file: Cow::Borrowed(&self.file),
            line: self.line,
            inlined: self.inlined,
            kind: FrameKind::Plain,
        }
    }
}

/// What a helper says about some addresses.
#[derive(Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
struct Answer {
    /// For each address its calls, innermost first.
    calls: Vec<Vec<ForeignFrame>>,
    /// Why there could have been more.
    trouble: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("no helper process: {0}")]
    Start(io::Error),
    #[error("reading its symbols took longer than {} ms", LIMIT.as_millis())]
    TooSlow,
    #[error("reading its symbols failed: it is damaged, or they need too much memory")]
    Died,
    #[error("{0}")]
    Changed(io::Error),
}

/// A helper process; it ends with this value.
#[derive(Debug)]
struct Helper {
    child: Child,
    channel: UnixStream,
}

impl Helper {
    /// Starts `program`, which is `tracer` itself, for the file behind a handle.
    fn start(program: &Path, file: &OwnedFd, depth: Depth) -> io::Result<Self> {
        let (channel, far_end) = UnixStream::pair()?;
        channel.set_write_timeout(Some(LIMIT))?;
        let mut command = Command::new(program);
        command.arg(COMMAND);
        if depth == Depth::Symbols {
            command.arg(SYMBOLS_ONLY);
        }
        let child = command
            .env_clear()
            .current_dir("/")
            .stdin(file.try_clone()?)
            .stdout(OwnedFd::from(far_end))
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { child, channel })
    }

    /// The calls at each of up to `MAX_ADDRESSES` link-time addresses, innermost first.
    fn ask(&mut self, addresses: &[u64]) -> Result<Answer, Error> {
        let end = Instant::now() + LIMIT;
        let mut question = serde_json::to_vec(addresses).map_err(|_| Error::Died)?;
        question.push(b'\n');
        self.channel.write_all(&question).map_err(|_| Error::Died)?;
        let line = self.read_line(end)?;
        let answer: Answer = serde_json::from_slice(&line).map_err(|_| Error::Died)?;
        let whole = answer.calls.len() == addresses.len();
        let trouble = answer.trouble.map(|mut trouble| {
            let end = trouble.floor_char_boundary(MAX_REASON);
            trouble.truncate(end);
            trouble
        });
        let calls = answer.calls;
        whole
            .then_some(Answer { calls, trouble })
            .ok_or(Error::Died)
    }

    fn read_line(&mut self, end: Instant) -> Result<Vec<u8>, Error> {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::TooSlow);
            }
            let mut piece = [0; 16 << 10];
            let read = self
                .channel
                .set_read_timeout(Some(left))
                .and_then(|()| self.channel.read(&mut piece));
            match read {
                Ok(0) => return Err(Error::Died),
                Ok(count) => line.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(Error::Died),
            }
            if line.len() > MAX_ANSWER {
                return Err(Error::Died);
            }
        }
        Ok(line)
    }

    /// Bytes of memory that it does not share with others.
    fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let fields = status.lines().filter_map(|line| {
            let size = ["RssAnon:", "RssShmem:"]
                .iter()
                .find_map(|name| line.strip_prefix(name))?;
            size.trim().strip_suffix(" kB")?.parse::<u64>().ok()
        });
        fields.sum::<u64>() << 10
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
