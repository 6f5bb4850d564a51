//! The Go program under load: it does as many operations as asked and says how long they took.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tracer_tests::{GoVersion, Program, Running};

/// Far above what any run of a bench takes.
pub(super) const PATIENCE: Duration = Duration::from_mins(2);
/// Shorter runs measure the noise of the machine.
const SHORTEST: Duration = Duration::from_millis(500);

/// A load, as a rule on CPU 0; the tools run on CPU 1.
pub(super) struct Load(Running);

/// What a run took, by the load's own clock and counters.
#[derive(Clone, Debug)]
pub(super) struct Ran {
    /// What is compared: time for an operation; of requests also the median and the 99th percentile.
    pub(super) ns: Vec<f64>,
    pub(super) expected: Expected,
}

/// What a tool must have seen of a run.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    /// So many calls by name, and page faults as the kernel counts them for the process.
    Calls(BTreeMap<String, u64>, u64),
    /// Page faults only: the calls are the Go runtime's.
    Faults(u64),
    /// The load does not know: only the accounts of the kernel side must add up.
    Unknown,
}

/// What runs on command, and what is traced meanwhile.
pub(super) trait Subject {
    /// The process to attach to.
    fn pid(&self) -> u32;
    /// Does so many operations.
    fn run(&mut self, operations: u64) -> Result<Ran>;

    /// How many operations take a little longer than `SHORTEST`, undisturbed.
    fn calibrate(&mut self) -> Result<u64> {
        let wanted = SHORTEST.as_nanos() as f64 * 1.2;
        let mut operations = 128;
        loop {
            let ns = self.run(operations)?.ns[0];
            if ns * operations as f64 > wanted / 10.0 {
                return Ok((wanted / ns) as u64);
            }
            operations *= 4;
        }
    }
}

impl Subject for Load {
    fn pid(&self) -> u32 {
        self.0.pid()
    }

    fn run(&mut self, operations: u64) -> Result<Ran> {
        self.command(&format!("run {operations}"))
    }
}

impl Load {
    /// Starts a load on a CPU.
    pub(super) fn start(name: &str, cpu: u8) -> Result<Self> {
        let load = launch(&["-load", name], cpu)?;
        load.event("ready", PATIENCE)?;
        Ok(Self(load))
    }

    /// Starts a load beside so many bytes of heap that stay.
    pub(super) fn on_heap(name: &str, bytes: u64, cpu: u8) -> Result<Self> {
        let load = launch(&["-load", name, "-heap", &bytes.to_string()], cpu)?;
        load.event("ready", PATIENCE)?;
        Ok(Self(load))
    }

    /// Starts the client of an HTTP server.
    pub(super) fn request(address: &str, cpu: u8) -> Result<Self> {
        let load = launch(&["-load", "request", "-address", address], cpu)?;
        load.event("ready", PATIENCE)?;
        Ok(Self(load))
    }

    /// Does so many operations a second, so many in all.
    pub(super) fn pace(&mut self, rate: u64, operations: u64) -> Result<Ran> {
        self.command(&format!("pace {rate} {operations}"))
    }

    /// Runs until it is dropped.
    pub(super) fn run_on(&mut self) -> Result<()> {
        self.0.send(&format!("run {}", i64::MAX))
    }

    fn command(&mut self, command: &str) -> Result<Ran> {
        self.0.send(command)?;
        ran(&self.0.event("ran", PATIENCE)?)
    }
}

/// Starts the load program on a CPU.
pub(super) fn launch(args: &[&str], cpu: u8) -> Result<Running> {
    let program = Program::build("bench", GoVersion::GO_1_26, &[])?;
    let mut command = Command::new("taskset");
    command
        .args(["--cpu-list", &cpu.to_string()])
        .arg(program)
        .args(args);
    Running::start(&mut command)
}

fn ran(said: &Value) -> Result<Ran> {
    let number = |name: &str| said[name].as_u64();
    let missing = || format!("the load said {said}");
    let operations = number("ops").with_context(missing)?;
    let calls = said["counts"].as_object().with_context(missing)?;
    let faults = number("faults").with_context(missing)?;
    let time = said["ns"].as_f64().with_context(missing)? / operations as f64;
    let latencies = ["p50", "p99"].iter().filter_map(|name| said[name].as_f64());
    let calls: BTreeMap<_, _> = calls
        .iter()
        .filter_map(|(call, count)| Some((call.clone(), count.as_u64()?)))
        .collect();
    let expected = if !said["requests"].is_null() {
        Expected::Unknown
    } else if calls.is_empty() {
        Expected::Faults(faults)
    } else {
        Expected::Calls(calls, faults)
    };
    Ok(Ran {
        ns: [time].into_iter().chain(latencies).collect(),
        expected,
    })
}
