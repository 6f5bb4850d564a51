//! `cargo xtask bench`: how fast, next to what else there is, in one run.

mod capacity;
mod cell;
mod document;
mod holders;
mod library;
mod load;
mod pairs;
mod process;
mod reader;
mod sampling;
mod slowdown;
mod symbols;
mod target;
mod tool;
mod trace_file;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::command::build_tool;
use crate::setup;
use crate::step::failure;
use cell::Cell;

#[derive(Args)]
pub(crate) struct Options {
    /// One bench; all of them if none is named
    name: Option<String>,
    /// Print one JSON object a cell and line
    #[arg(long)]
    json: bool,
    /// How many pairs of runs the median is taken of; fewer than 11 are a trial
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pairs: u16,
    /// Write `docs/performance.md` from a run of all benches
    #[arg(long, conflicts_with = "name")]
    write_docs: bool,
    /// Write it from lines that `--json` has printed on this machine
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "write_docs"])]
    docs_from: Option<PathBuf>,
    /// Install the tools to compare with, through apt, and stop
    #[arg(long)]
    install_peers: bool,
}

struct Bench {
    name: &'static str,
    run: fn(&Options) -> Result<Vec<Cell>>,
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "mm",
        run: slowdown::mm,
    },
    Bench {
        name: "heap",
        run: slowdown::heap,
    },
    Bench {
        name: "conn",
        run: slowdown::conn,
    },
    Bench {
        name: "creators",
        run: slowdown::creators,
    },
    Bench {
        name: "http",
        run: slowdown::http,
    },
    Bench {
        name: "bystander",
        run: slowdown::bystander,
    },
    Bench {
        name: "walker",
        run: |_| library::cells::<&str>("walker", &[]),
    },
    Bench {
        name: "rate",
        run: capacity::rate,
    },
    Bench {
        name: "agent-cpu",
        run: capacity::agent_cpu,
    },
    Bench {
        name: "memory",
        run: capacity::memory,
    },
    Bench {
        name: "reader",
        run: reader::run,
    },
    Bench {
        name: "holders",
        run: holders::run,
    },
    Bench {
        name: "replay",
        run: trace_file::replay,
    },
    Bench {
        name: "size",
        run: trace_file::size,
    },
    Bench {
        name: "symbols",
        run: symbols::run,
    },
    Bench {
        name: "sampling",
        run: sampling::run,
    },
];

#[expect(clippy::print_stdout, reason = "its result")]
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.install_peers {
        return setup::peers();
    }
    if let Some(lines) = &options.docs_from {
        let lines = fs::read_to_string(lines).context("read the lines of a run")?;
        let cells = lines.lines().map(Cell::parse).collect::<Result<Vec<_>>>()?;
        return document::write(&cells, options.pairs);
    }
    let benches = chosen(options.name.as_deref())?;
    build_tool()?;
    let mut cells = Vec::new();
    // One that fails does not keep the others from being measured.
    let mut failed = None;
    for bench in benches {
        progress(bench.name);
        let measured = match (bench.run)(options) {
            Ok(cells) => cells,
            Err(error) => {
                failed = failed.or(Some(error.context(format!("bench {}", bench.name))));
                continue;
            }
        };
        if options.json {
            for cell in &measured {
                println!("{}", cell.json());
            }
        }
        cells.extend(measured);
    }
    if !options.json {
        print!("{}", cell::table(&cells));
    }
    if let Some(error) = failed {
        return Err(error);
    }
    if options.write_docs {
        document::write(&cells, options.pairs)?;
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "progress")]
fn progress(bench: &str) {
    eprintln!("bench: {bench} ...");
}

fn chosen(name: Option<&str>) -> Result<Vec<&'static Bench>> {
    let benches: Vec<_> = BENCHES
        .iter()
        .filter(|bench| name.is_none_or(|name| name == bench.name))
        .collect();
    if benches.is_empty() {
        let names: Vec<_> = BENCHES.iter().map(|bench| bench.name).collect();
        return Err(failure(
            format!("there is no bench {:?}", name.unwrap_or_default()),
            format!("there are: {}", names.join(", ")),
        ));
    }
    Ok(benches)
}
