//! The three tools, each fed from a file of pcs and read answer by answer.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::frames::{Frame, Place, canonical};

/// A running tool, and the text of its last answer.
#[derive(Debug)]
pub(crate) struct Answers {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: PathBuf,
    last: String,
}

impl Answers {
    /// Starts a tool with the pcs on its stdin.
    pub(crate) fn start(command: &mut Command, pcs: &Path) -> Result<Self> {
        let name = Path::new(command.get_program()).with_extension("stderr");
        let stderr = pcs.with_file_name(name.file_name().unwrap_or_default());
        let mut child = command
            .stdin(File::open(pcs)?)
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr)?)
            .spawn()
            .with_context(|| format!("start {command:?}"))?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        Ok(Self {
            child,
            stdout: BufReader::with_capacity(1 << 18, stdout),
            stderr,
            last: String::new(),
        })
    }

    /// The text of the next answer: so many lines, or as many as come before an empty one.
    fn next(&mut self, lines: Option<usize>) -> Result<&str> {
        self.last.clear();
        let mut left = lines;
        while left != Some(0) {
            let before = self.last.len();
            let read = self.stdout.read_line(&mut self.last)?;
            if read == 0 {
                let said = std::fs::read_to_string(&self.stderr).unwrap_or_default();
                anyhow::bail!("a tool ended too early: {said}");
            }
            if lines.is_none() && read == 1 {
                self.last.truncate(before);
                break;
            }
            left = left.map(|left| left - 1);
        }
        Ok(&self.last)
    }

    /// One JSON object of `tracer symbols`, without the pc in front.
    pub(crate) fn json(&mut self, pc: u64) -> Result<&str> {
        let line = self.next(Some(1))?;
        let rest = line
            .strip_prefix("{\"pc\":")
            .and_then(|rest| rest.trim_start().strip_prefix(&*pc.to_string()));
        rest.with_context(|| format!("{pc} has the answer {line:?}"))
    }

    /// Function and place of `go tool addr2line`, a line each.
    pub(crate) fn pair(&mut self) -> Result<&str> {
        self.next(Some(2))
    }

    /// Function and place of each call by `llvm-symbolizer`.
    pub(crate) fn block(&mut self) -> Result<&str> {
        self.next(None)
    }

    /// Nothing more is to come.
    pub(crate) fn finish(mut self) -> Result<()> {
        let mut rest = String::new();
        self.stdout.read_line(&mut rest)?;
        ensure!(rest.is_empty(), "more answers than questions: {rest}");
        let status = self.child.wait()?;
        ensure!(status.success(), "a tool failed: {status}");
        Ok(())
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The calls of `,"frames":[…]}`, innermost first.
pub(crate) fn from_json(text: &str) -> Result<Vec<Frame>> {
    let object: Value = serde_json::from_str(&format!("{{\"pc\":0{text}"))?;
    let frames = object["frames"].as_array().context("no frames")?;
    let read = |(index, frame): (usize, &Value)| {
        let is_last = index + 1 == frames.len();
        ensure!(frame["inlined"] == !is_last, "{text}: inlined");
        let line = frame["line"].as_u64().unwrap_or(0);
        Ok(Frame {
            function: frame["function"].as_str().context("a name")?.to_owned(),
            place: Place {
                file: frame["file"].as_str().unwrap_or_default().to_owned(),
                line: u32::try_from(line)?,
            },
        })
    };
    frames.iter().enumerate().map(read).collect()
}

/// The calls of a block, innermost first.
pub(crate) fn from_block(text: &str) -> Vec<Frame> {
    let lines: Vec<&str> = text.lines().collect();
    let frames = lines.chunks_exact(2).map(|pair| {
        // The last number is the column, which Go does not write.
        let (place, _) = pair[1].rsplit_once(':').unwrap_or((pair[1], ""));
        Frame {
            function: canonical(pair[0]),
            place: Place::parse(place),
        }
    });
    frames.collect()
}
