//! Runs the tool under test, as a user would: the release binary, from outside.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::host::target_directory;
use super::outcome::Outcome;

/// Longer than any run that a test asks for.
const PATIENCE: Duration = Duration::from_mins(3);

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

/// A running `tracer`; dropping it kills exactly this child.
#[derive(Debug)]
pub struct Tool {
    child: Child,
    stdout: Option<JoinHandle<(Option<Instant>, String)>>,
    /// Lines of stderr as they come; the sender hangs up at its end.
    stderr: Receiver<String>,
    said: Vec<String>,
    started: Instant,
}

impl Tool {
    /// Starts `tracer ARGS`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start<A: AsRef<OsStr>>(args: &[A]) -> Result<Self> {
        Self::spawn(Command::new(tracer_binary()?).args(args))
    }

    /// Starts `tracer attach --pid PID ARGS` and waits until it watches.
    ///
    /// # Errors
    /// If it cannot attach.
    pub fn attached(pid: u32, args: &[&str]) -> Result<Self> {
        let pid = pid.to_string();
        let mut tool = Self::start(&[&["attach", "--verbose", "--pid", &pid], args].concat())?;
        tool.until("attached")?;
        Ok(tool)
    }

    /// Starts a command that ends up as the tool.
    ///
    /// # Errors
    /// If it cannot be started.
    ///
    /// # Panics
    /// Never: both pipes were asked for.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("start tracer")?;
        let mut stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        // Both pipes are read all the time, so that the tool never waits for us.
        let stdout = thread::spawn(move || {
            let mut bytes = vec![0];
            // A broken pipe ends like a closed one: what came is what counts.
            let first = stdout.read(&mut bytes).unwrap_or(0);
            let said_at = (first > 0).then(Instant::now);
            bytes.truncate(first);
            let _ = stdout.read_to_end(&mut bytes);
            (said_at, String::from_utf8_lossy(&bytes).into_owned())
        });
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            child,
            stdout: Some(stdout),
            stderr: lines,
            said: Vec::new(),
            started: Instant::now(),
        })
    }

    /// Waits for a line of stderr that contains this.
    ///
    /// # Errors
    /// If the tool ends, or minutes pass, without one.
    pub fn until(&mut self, wanted: &str) -> Result<()> {
        loop {
            let Ok(line) = self.stderr.recv_timeout(PATIENCE) else {
                bail!("tracer did not say {wanted:?}: {}", self.said.join("\n"));
            };
            let found = line.contains(wanted);
            self.said.push(line);
            if found {
                return Ok(());
            }
        }
    }

    /// Process id of the tool.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the tool.
    ///
    /// # Errors
    /// If it is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal).context("signal tracer")
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// If it does not end within minutes.
    pub fn finish(mut self) -> Result<Outcome> {
        let asked = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if asked.elapsed() > PATIENCE {
                bail!("tracer did not end within {PATIENCE:?}");
            }
            thread::sleep(Duration::from_millis(5));
        };
        let took = self.started.elapsed();
        self.said.extend(self.stderr.iter());
        let stdout = self.stdout.take().and_then(|reader| reader.join().ok());
        let (said_at, stdout) = stdout.unwrap_or_default();
        Ok(Outcome {
            code: status.code(),
            stdout,
            said_at,
            stderr: self.said.join("\n"),
            took,
        })
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `tracer ARGS` to its end.
///
/// # Errors
/// If it cannot be started, or does not end within minutes.
pub fn run<A: AsRef<OsStr>>(args: &[A]) -> Result<Outcome> {
    Tool::start(args)?.finish()
}

/// Runs `tracer attach --pid PID ARGS` to its end.
///
/// # Errors
/// As `run`.
pub fn attach(pid: u32, args: &[&str]) -> Result<Outcome> {
    let pid = pid.to_string();
    run(&[&["attach", "--pid", &pid], args].concat())
}
