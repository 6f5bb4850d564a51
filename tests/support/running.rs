//! A program under test: steered through its stdin, heard through its stdout.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// A running child process; dropping it kills exactly this child.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    name: String,
}

impl Running {
    /// Starts an executable without further ado.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn program(executable: &Path, args: &[&str]) -> Result<Self> {
        Self::start(Command::new(executable).args(args))
    }

    /// Starts a command, whose environment the caller has set; its stderr is the test's.
    ///
    /// # Errors
    /// If it cannot be started.
    ///
    /// # Panics
    /// Never: both pipes were asked for.
    pub fn start(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {name}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("stdout is piped");
        let (sender, lines) = channel();
        // Ends with the pipe, that is with the child.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            child,
            stdin,
            lines,
            name,
        })
    }

    /// Process id of the child.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Process id of the program that the child, say `unshare`, has started.
    ///
    /// # Errors
    /// If it has started none.
    pub fn child(&self) -> Result<u32> {
        let wanted = format!("\nPPid:\t{}\n", self.pid());
        // Kernels may come without `/proc/PID/task/TID/children`.
        for entry in fs::read_dir("/proc")? {
            let path = entry?.path();
            let is_child = |status: String| status.contains(&wanted);
            if fs::read_to_string(path.join("status")).is_ok_and(is_child)
                && let Some(pid) = path
                    .file_name()
                    .and_then(|name| name.to_str()?.parse().ok())
            {
                return Ok(pid);
            }
        }
        bail!("{} has no child", self.name)
    }

    /// Sends a command line.
    ///
    /// # Errors
    /// If the child does not read any more.
    pub fn send(&mut self, line: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("stdin was closed")?;
        writeln!(stdin, "{line}").with_context(|| format!("send {line:?} to {}", self.name))
    }

    /// Closes its stdin.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// The next line of its stdout.
    ///
    /// # Errors
    /// If none comes in time, or the child has closed its stdout.
    pub fn line(&self, patience: Duration) -> Result<String> {
        self.lines
            .recv_timeout(patience)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => {
                    anyhow::anyhow!("{} said nothing within {patience:?}", self.name)
                }
                RecvTimeoutError::Disconnected => {
                    anyhow::anyhow!("{} closed its stdout", self.name)
                }
            })
    }

    /// The next JSON line, which must be this event.
    ///
    /// # Errors
    /// If none comes in time, or it is another event.
    pub fn event(&self, event: &str, patience: Duration) -> Result<Value> {
        let line = self.line(patience)?;
        let value: Value =
            serde_json::from_str(&line).with_context(|| format!("not JSON: {line:?}"))?;
        if value["event"] != event {
            bail!("{} said {line} instead of {event:?}", self.name);
        }
        Ok(value)
    }

    /// Sends a signal to the child.
    ///
    /// # Errors
    /// If it is gone.
    pub fn signal(&self, signal: rustix::process::Signal) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).with_context(|| format!("signal {}", self.name))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// If it does not end in time.
    pub fn wait(&mut self, patience: Duration) -> Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if start.elapsed() > patience {
                bail!("{} did not end within {patience:?}", self.name);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end and tells its exit code and the signal that ended it.
    ///
    /// # Errors
    /// If it does not end in time.
    pub fn ending(&mut self, patience: Duration) -> Result<(Option<i32>, Option<i32>)> {
        let status = self.wait(patience)?;
        Ok((status.code(), status.signal()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
