//! `holders`: how long a search for who holds the heap takes, what it needs, and what it costs a server.

use anyhow::{Context as _, Result};

use super::Options;
use super::cell::{self, Cell, Measure};
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

/// Where the clients are: with the server, then beside the tool, which takes from them what it takes.
const CLIENTS: &[(&str, u8)] = &[("", 0), ("clients beside the tool, ", 1)];

#[expect(
    clippy::print_stderr,
    reason = "half an hour in which nothing else is told"
)]
pub(super) fn run(options: &Options) -> Result<Vec<Cell>> {
    let mut cells = Vec::new();
    for (name, bytes) in HEAPS {
        let mut of_heap = Vec::new();
        for tool in [&FAST, &PACED] {
            of_heap.extend(searches(name, *bytes, tool, options)?);
        }
        for (place, cpu) in CLIENTS {
            let start = || Ok(Longer(Served::start(*bytes, *cpu)?));
            let on = format!("{name}, {place}");
            let tools = [&FAST, &PACED];
            let pairs = options.pairs.into();
            of_heap.extend(slowdown(["holders", &on], &SERVED, start, &tools, pairs)?);
        }
        eprint!("{}", cell::table(&of_heap));
        cells.extend(of_heap);
    }
    Ok(cells)
}

/// A server that is asked for longer, and collects its garbage between the runs.
struct Longer(Served);

impl Subject for Longer {
    fn pid(&self) -> u32 {
        self.0.pid()
    }

    fn run(&mut self, operations: u64) -> Result<Ran> {
        let ran = self.0.run(operations)?;
        self.0.collect()?;
        Ok(ran)
    }

    fn calibrate(&mut self) -> Result<u64> {
        Ok(self.0.calibrate()? * LONGER)
    }
}

/// Searches of a server that is not asked for anything.
fn searches(heap: &str, bytes: u64, tool: &Tool, options: &Options) -> Result<Vec<Cell>> {
    let server = Served::start(bytes, 1)?;
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
