//! `holders`: how long a search for who holds the heap takes, what it needs, and what it costs a server.

use anyhow::{Context as _, Result};

use super::Options;
use super::cell::{Cell, Measure};
use super::load::{Ran, Subject};
use super::pairs::slowdown;
use super::slowdown::{SERVED, Served};
use super::tool::{FAST, PACED, Tool, search};

/// Heaps: what the cells call them, and their bytes.
const HEAPS: &[(&str, u64)] = &[
    ("0.1 GB", 100_000_000),
    ("1 GB", 1_000_000_000),
    ("3 GB", 3_000_000_000),
];

/// A run is so many times longer than usual: to be seen are all parts of a search, not its beginning.
const LONGER: u64 = 5;

pub(super) fn run(options: &Options) -> Result<Vec<Cell>> {
    let mut cells = Vec::new();
    for (name, bytes) in HEAPS {
        for tool in [&FAST, &PACED] {
            cells.extend(searches(name, *bytes, tool, options)?);
        }
        let start = || Ok(Longer(Served::on_heap(*bytes)?));
        let on = format!("{name}, ");
        let tools = [&FAST, &PACED];
        let pairs = options.pairs.into();
        cells.extend(slowdown(["holders", &on], &SERVED, start, &tools, pairs)?);
    }
    Ok(cells)
}

/// A server that is asked for longer.
struct Longer(Served);

impl Subject for Longer {
    fn pid(&self) -> u32 {
        self.0.pid()
    }

    fn run(&mut self, operations: u64) -> Result<Ran> {
        self.0.run(operations)
    }

    fn calibrate(&mut self) -> Result<u64> {
        Ok(self.0.calibrate()? * LONGER)
    }
}

/// Searches of a server that is not asked for anything.
fn searches(heap: &str, bytes: u64, tool: &Tool, options: &Options) -> Result<Vec<Cell>> {
    let server = Served::on_heap(bytes)?;
    let (mut seconds, mut rates, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.pairs.min(3) {
        let searched = search(server.pid(), tool.flags, || false)?.context("it ended early")?;
        let said = &searched.answer["holder_search"];
        let elapsed = said["seconds"].as_f64().context("seconds")?;
        let read = said["bytes_read"].as_f64().context("bytes")?;
        seconds.push(elapsed);
        rates.push(read / elapsed / 1e9);
        peaks.push(searched.peak_bytes as f64 / f64::from(1 << 20));
    }
    let cells = [("s", seconds), ("GB/s", rates), ("MiB", peaks)];
    let cells = cells.map(|(unit, values)| {
        let on = format!("{heap}, {unit}");
        Cell::of_runs(
            ["holders", tool.name, tool.mode, &on],
            Measure::unit(unit),
            values,
        )
    });
    Ok(cells.into())
}
