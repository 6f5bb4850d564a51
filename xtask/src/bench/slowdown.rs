//! `mm`, `heap`, `conn`, `creators`, `http` and `bystander`: what tracing every event costs.

use anyhow::{Context as _, Result};
use tracer_tests::Running;

use super::Options;
use super::cell::{Cell, Measure};
use super::load::{Expected, Load, PATIENCE, Ran, Subject, launch};
use super::pairs::slowdown;
use super::tool::{self, Tool};

/// The worst case: nothing but calls that are traced, and a page fault.
pub(super) fn mm(options: &Options) -> Result<Vec<Cell>> {
    let ours = [
        &tool::FULL,
        &tool::TRACE_FILE,
        &tool::NO_STACKS,
        &tool::SAMPLED,
    ];
    let tools: Vec<&Tool> = ours
        .into_iter()
        .chain(tool::PEERS.iter().copied())
        .collect();
    on_load("mm", &tools, options)
}

/// The Go heap: allocation, collection, first touches.
pub(super) fn heap(options: &Options) -> Result<Vec<Cell>> {
    let tools = [
        &tool::FULL,
        &tool::SAMPLED,
        &tool::BPFTRACE,
        &tool::PERF_RECORD,
    ];
    on_load("heap", &tools, options)
}

/// TCP connections over loopback.
pub(super) fn conn(options: &Options) -> Result<Vec<Cell>> {
    let tools: Vec<&Tool> = [&tool::FULL]
        .into_iter()
        .chain(tool::PEERS.iter().copied())
        .collect();
    on_load("conn", &tools, options)
}

/// Operations that tell how long one takes undisturbed.
const UNDISTURBED: u64 = 10_000;

/// The watch on who creates goroutines: of connections, and of a goroutine for each operation.
pub(super) fn creators(options: &Options) -> Result<Vec<Cell>> {
    let mut cells = Vec::new();
    for load in ["conn", "spawn"] {
        let start = || Load::start(load, 0);
        let tools = [&tool::CREATORS_OFF, &tool::CREATORS_ON];
        let pairs = options.pairs.into();
        cells.extend(slowdown(["creators", ""], &[load], start, &tools, pairs)?);
    }
    let undisturbed = Load::start("spawn", 0)?.run(UNDISTURBED)?.ns[0];
    let on_spawn = |cell: &&Cell| cell.on == "spawn" && cell.mode == tool::CREATORS_ON.mode;
    let each = cells.iter().find(on_spawn).map(|cell| {
        let names = ["creators", "tracer", &cell.mode, "a creation"];
        let ns = (cell.value - 1.0) * undisturbed;
        Cell::of_runs(names, Measure::unit("ns"), vec![ns])
    });
    cells.extend(each);
    Ok(cells)
}

fn on_load(name: &str, tools: &[&Tool], options: &Options) -> Result<Vec<Cell>> {
    let start = || Load::start(name, 0);
    slowdown([name, ""], &[""], start, tools, options.pairs.into())
}

/// What `Served` tells of a run.
pub(super) const SERVED: [&str; 3] = ["time per request", "p50 latency", "p99 latency"];

/// A JSON server and its clients on CPU 0; then clients that share CPU 1 with the tool.
pub(super) fn http(options: &Options) -> Result<Vec<Cell>> {
    let tools = [&tool::FULL, &tool::BPFTRACE, &tool::PERF_RECORD];
    let mut cells = Vec::new();
    for (on, clients_cpu, tools) in [
        ("", 0, &tools[..]),
        ("clients beside the tool, ", 1, &tools[..1]),
    ] {
        let start = || Served::start(0, clients_cpu);
        let pairs = options.pairs.into();
        cells.extend(slowdown(["http", on], &SERVED, start, tools, pairs)?);
    }
    Ok(cells)
}

/// A server and its clients.
pub(super) struct Served {
    server: Running,
    clients: Load,
}

impl Served {
    /// The server, on CPU 0, has so many bytes on its heap that stay.
    pub(super) fn start(heap: u64, clients_cpu: u8) -> Result<Self> {
        let server = launch(&["-load", "serve", "-heap", &heap.to_string()], 0)?;
        let ready = server.event("ready", PATIENCE)?;
        let address = ready["address"]
            .as_str()
            .context("a server has an address")?;
        let clients = Load::request(address, clients_cpu)?;
        Ok(Self { server, clients })
    }

    /// Collects the garbage of the server, which it does on command only if it has a heap.
    pub(super) fn collect(&mut self) -> Result<()> {
        self.server.send("collect")?;
        self.server.event("collected", PATIENCE)?;
        Ok(())
    }
}

impl Subject for Served {
    fn pid(&self) -> u32 {
        self.server.pid()
    }

    fn run(&mut self, operations: u64) -> Result<Ran> {
        self.clients.run(operations)
    }
}

/// A process that is not traced, on CPU 0, while another one is.
pub(super) fn bystander(options: &Options) -> Result<Vec<Cell>> {
    let mut cells = Vec::new();
    for load in ["getppid", "openclose"] {
        for (busy, on) in [(false, "sleeping target, "), (true, "busy target, ")] {
            let start = || Bystander::start(load, busy);
            let tools: &[&Tool] = if busy {
                &[&tool::FULL, &tool::BPFTRACE]
            } else {
                &[&tool::FULL]
            };
            let pairs = options.pairs.into();
            cells.extend(slowdown(["bystander", on], &[load], start, tools, pairs)?);
        }
    }
    Ok(cells)
}

struct Bystander {
    bystander: Load,
    target: Load,
}

impl Bystander {
    fn start(load: &str, busy: bool) -> Result<Self> {
        let mut target = Load::start("mm", 1)?;
        if busy {
            target.run_on()?;
        }
        Ok(Self {
            bystander: Load::start(load, 0)?,
            target,
        })
    }
}

impl Subject for Bystander {
    fn pid(&self) -> u32 {
        self.target.pid()
    }

    fn run(&mut self, operations: u64) -> Result<Ran> {
        let mut ran = self.bystander.run(operations)?;
        ran.expected = Expected::Unknown;
        Ok(ran)
    }
}
