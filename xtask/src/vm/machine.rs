//! One emulated machine: boots, is listened to on its serial console, and is ended in time.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::Guest;
use super::arch::Arch;
use super::cell::Cell;
use super::guest::{self, Check};
use super::initramfs::{INIT, TARGET};

/// Several times what a guest takes on two busy processors.
const LIMIT: Duration = Duration::from_mins(5);
/// Lines of the console that explain a failure.
const LAST_LINES: usize = 40;

/// What a guest left.
pub(super) struct Run {
    /// One for each check that was asked for, whatever happened.
    pub cells: Vec<Cell>,
    /// From start to end.
    pub took: Duration,
}

/// Boots a guest with these checks and waits for its end.
pub(super) fn boot(guest: &Guest, initramfs: &Path, checks: &[&Check]) -> Run {
    let start = Instant::now();
    Run {
        cells: cells(guest, checks, qemu(guest, initramfs, checks), LIMIT),
        took: start.elapsed(),
    }
}

/// What the machine says to each check; a failure where it says nothing.
fn cells(guest: &Guest, checks: &[&Check], machine: Command, limit: Duration) -> Vec<Cell> {
    let mut heard = Heard::default();
    let end = heard
        .listen(machine, limit)
        .unwrap_or_else(|error| format!("did not run: {error:#}"));
    let last = heard.last.make_contiguous().join("\n");
    let mut reason = format!("no answer: the guest {end}; the end of its console:\n{last}");
    let kernel = heard.cells.first().map(|cell| cell.kernel.clone());
    let mut cells = Vec::new();
    for (hooks, check) in guest::cells(guest.families, checks) {
        let is_this = |cell: &Cell| cell.hooks == hooks && cell.check == check;
        cells.push(match heard.cells.iter().position(is_this) {
            Some(place) => heard.cells.remove(place),
            None => Cell {
                kernel: kernel.clone().unwrap_or_else(|| guest.name.clone()),
                arch: guest.arch.name().to_owned(),
                hooks: hooks.to_owned(),
                check: check.to_owned(),
                ok: false,
                detail: std::mem::replace(&mut reason, "no answer either".to_owned()),
            },
        });
    }
    // Of families that a kernel of the user's has.
    cells.append(&mut heard.cells);
    cells
}

#[derive(Default)]
struct Heard {
    cells: Vec<Cell>,
    /// The newest lines that are no cells.
    last: VecDeque<String>,
}

impl Heard {
    /// Collects what a machine says; tells how it ended.
    fn listen(&mut self, machine: Command, limit: Duration) -> Result<String> {
        let start = Instant::now();
        let mut machine = Machine::start(machine)?;
        loop {
            let left = limit.saturating_sub(start.elapsed());
            match machine.console.recv_timeout(left) {
                Ok(line) => self.take(&line),
                Err(RecvTimeoutError::Timeout) => {
                    return Ok(format!("had not finished after {limit:?} and was ended"));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = machine.child.wait()?;
                    return Ok(format!("ended with {status}"));
                }
            }
        }
    }

    fn take(&mut self, line: &str) {
        if let Some(cell) = Cell::parse(line) {
            self.cells.push(cell);
            return;
        }
        self.last.push_back(line.replace(char::is_control, ""));
        if self.last.len() > LAST_LINES {
            self.last.pop_front();
        }
    }
}

/// A running QEMU; dropping it ends exactly this child.
struct Machine {
    child: Child,
    console: Receiver<String>,
}

impl Machine {
    fn start(mut command: Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("start {}", command.get_program().display()))?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let (sender, console) = channel();
        thread::spawn(move || {
            // Firmware and panicking kernels do not always write text.
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                if sender
                    .send(String::from_utf8_lossy(&line).into_owned())
                    .is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { child, console })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Always the emulator: a KVM that is offered may still hang, and results must not depend on it.
fn qemu(guest: &Guest, initramfs: &Path, checks: &[&Check]) -> Command {
    let (program, machine, cpu, console) = match guest.arch {
        // QEMU 7.2 delivers a page fault inside cmpxchg16b wrongly, which kills Linux 6.12.
        Arch::Amd64 => ("qemu-system-x86_64", "pc", "max,-cx16", "ttyS0"),
        // The architecture's own way to sign pointers is slow to emulate.
        Arch::Arm64 => (
            "qemu-system-aarch64",
            "virt",
            "max,pauth-impdef=on",
            "ttyAMA0",
        ),
    };
    let kernel_arguments = format!(
        "console={console} panic=-1 quiet rdinit={INIT} CARGO_TARGET_DIR={TARGET} \
         -- guest --families={} --checks={}",
        guest.families.join(","),
        guest::names(checks)
    );
    let mut command = Command::new(program);
    command
        .args([
            "-machine",
            machine,
            // With a thread for each processor, one may run code that the other is patching, and
            // the guest panics in the middle of an instruction.
            "-accel",
            "tcg,thread=single",
            "-cpu",
            cpu,
        ])
        .args([
            "-smp",
            "2",
            "-m",
            "1024",
            "-nographic",
            "-no-reboot",
            "-nodefaults",
        ])
        .args(["-serial", "stdio", "-append", &kernel_arguments, "-kernel"])
        .arg(&guest.image)
        .arg("-initrd")
        .arg(initramfs);
    command
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// What becomes of two checks when the machine is this shell script.
    #[track_caller]
    fn check(script: &str, limit: Duration, expected: [(bool, &str); 2]) {
        let guest = Guest {
            name: "6.1 amd64".to_owned(),
            arch: Arch::Amd64,
            image: PathBuf::new(),
            families: &["kprobe"],
        };
        let [calls, stacks] = ["calls", "stacks"].map(|name| {
            let checks = guest::chosen(Some(name)).expect("a check");
            checks[0]
        });
        let mut machine = Command::new("sh");
        machine.args(["-c", script]);
        let answered = cells(&guest, &[calls, stacks], machine, limit);
        let answers: Vec<_> = answered
            .iter()
            .map(|cell| (cell.ok, cell.detail.as_str()))
            .collect();
        assert_eq!(answers, expected);
    }

    const ANSWER: &str = r#"echo '{"kernel":"6.1.9","arch":"amd64","hooks":"kprobe","check":"calls","ok":true,"detail":"all"}'"#;
    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn a_check_without_an_answer_has_failed() {
        let panic = format!("{ANSWER}; echo Kernel panic; exit 3");
        check(
            &panic,
            PATIENCE,
            [
                (true, "all"),
                (
                    false,
                    "no answer: the guest ended with exit status: 3; the end of its console:\nKernel panic",
                ),
            ],
        );
        let hang = "echo booting; exec sleep 60";
        check(
            hang,
            Duration::from_millis(500),
            [
                (
                    false,
                    "no answer: the guest had not finished after 500ms and was ended; the end of its \
                     console:\nbooting",
                ),
                (false, "no answer either"),
            ],
        );
    }
}
