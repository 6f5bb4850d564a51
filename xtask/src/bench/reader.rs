//! `reader`: what reading the Go runtime costs, of a heap of 1 GB and of 100 000 goroutines.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Options;
use super::cell::{Cell, Measure};
use super::library;
use super::load::{Load, Ran, Subject};
use super::pairs::slowdown;
use super::process::thread_seconds;
use super::tool::{self, FIRST_LOOK, Session};

/// Bytes of the heap that stay.
const HEAP: u64 = 1_000_000_000;

/// Collections of such a heap that one run makes. A run has to take some seconds: spans and
/// goroutines are looked at every few seconds only.
const COLLECTIONS: u64 = 4;

/// How long the share of a CPU is watched; some of these looks fall into it.
const WATCHED: Duration = Duration::from_secs(20);

/// The thread of the tool that does the reading.
const THREAD: &str = "go-runtime";

pub(super) fn run(options: &Options) -> Result<Vec<Cell>> {
    let pairs = options.pairs.into();
    let start = || Ok(Collecting(Load::on_heap("collect", HEAP, 0)?));
    let mut cells = slowdown(
        ["reader", ""],
        &["1 GB, time"],
        start,
        &[&tool::FULL, &tool::SETTLED],
        pairs,
    )?;
    cells.push(share(options)?);
    for (name, bytes) in [("collect", HEAP), ("waiting", 0)] {
        let load = Load::on_heap(name, bytes, 0)?;
        // One look at each kind of structure.
        cells.extend(library::cells("runtime", &[load.pid().to_string()])?);
    }
    Ok(cells)
}

/// A load that makes garbage and collects it, beside a large heap.
struct Collecting(Load);

impl Subject for Collecting {
    fn pid(&self) -> u32 {
        self.0.pid()
    }

    fn run(&mut self, operations: u64) -> Result<Ran> {
        self.0.run(operations)
    }

    fn calibrate(&mut self) -> Result<u64> {
        Ok(COLLECTIONS)
    }
}

/// Of a CPU, while the load runs.
fn share(options: &Options) -> Result<Cell> {
    let mut load = Load::on_heap("collect", HEAP, 0)?;
    load.run_on()?;
    let session = Session::start(load.pid(), &[])?;
    sleep(FIRST_LOOK);
    let shares = (0..options.pairs.min(3)).map(|_| {
        let (before, start) = (thread_seconds(session.pid(), THREAD)?, Instant::now());
        sleep(WATCHED);
        let used = thread_seconds(session.pid(), THREAD)? - before;
        Ok(100.0 * used / start.elapsed().as_secs_f64())
    });
    let shares = shares.collect::<Result<Vec<f64>>>()?;
    let names = ["reader", "tracer", "full_stacks", "1 GB, share"];
    Ok(Cell::of_runs(names, Measure::unit("% of a CPU"), shares))
}
