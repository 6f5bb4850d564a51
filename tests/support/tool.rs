//! Runs the tool under test, as a user would: the release binary, from outside.

use std::ffi::OsStr;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::host::target_directory;

/// Longer than any run that a test asks for.
const PATIENCE: Duration = Duration::from_mins(3);

/// What a finished run of the tool left.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
}

impl Outcome {
    /// The report on stdout; exactly one JSON object.
    ///
    /// # Errors
    /// If stdout holds anything else.
    pub fn report(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).with_context(|| {
            format!(
                "not one JSON object: {:?}, stderr: {}",
                self.stdout, self.stderr
            )
        })
    }

    /// The `error:` and the `hint:` of a failed run: exactly one line of each on stderr.
    ///
    /// # Errors
    /// If a line is missing or doubled.
    pub fn complaint(&self) -> Result<(&str, &str)> {
        Ok((self.only_line("error: ")?, self.only_line("hint: ")?))
    }

    fn only_line(&self, prefix: &str) -> Result<&str> {
        let mut found = self
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix(prefix));
        match (found.next(), found.next()) {
            (Some(line), None) => Ok(line),
            (None, _) => bail!("no {prefix:?} line in {:?}", self.stderr),
            (Some(_), Some(_)) => bail!("two {prefix:?} lines in {:?}", self.stderr),
        }
    }
}

/// The release binary of the tool.
///
/// # Errors
/// If nobody has built it.
pub fn tracer_binary() -> Result<PathBuf> {
    let path = target_directory().join("release/tracer");
    if !path.is_file() {
        bail!(
            "{} is missing: run `cargo build --release` first",
            path.display()
        );
    }
    Ok(path)
}

/// Runs `tracer ARGS` to its end.
///
/// # Errors
/// If it cannot be started, or does not end within minutes.
///
/// # Panics
/// Never: both pipes were asked for.
pub fn run<A: AsRef<OsStr>>(args: &[A]) -> Result<Outcome> {
    let start = Instant::now();
    let mut child = Command::new(tracer_binary()?)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start tracer")?;
    let stdout = drain(child.stdout.take().expect("stdout is piped"));
    let stderr = drain(child.stderr.take().expect("stderr is piped"));
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            bail!("tracer did not end within {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(5));
    };
    let took = start.elapsed();
    let text = |reader: thread::JoinHandle<Vec<u8>>| {
        reader
            .join()
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .context("not UTF-8")
    };
    Ok(Outcome {
        code: status.code(),
        stdout: text(stdout)?,
        stderr: text(stderr)?,
        took,
    })
}

/// Runs `tracer attach --pid PID ARGS` to its end.
///
/// # Errors
/// As `run`.
pub fn attach(pid: u32, args: &[&str]) -> Result<Outcome> {
    let pid = pid.to_string();
    run(&[&["attach", "--pid", &pid], args].concat())
}

/// Reads a pipe to its end in the background, so that it never fills up.
fn drain(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A broken pipe ends like a closed one: what came is what counts.
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}
