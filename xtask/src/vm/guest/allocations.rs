//! Who allocates in a program without a heap profile.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use tracer_tests::{Running, Tool, list};

use crate::vm::initramfs::Program;

const PATIENCE: Duration = Duration::from_mins(2);
const MIB: u64 = 1 << 20;

/// The places of the program, each with most of its bytes.
pub(super) fn told() -> Result<String> {
    let mut program =
        Running::program(Path::new(Program::Allocations.path()), &["-megabytes", "4"])?;
    program.event("ready", PATIENCE)?;
    let tool = Tool::attached(program.pid(), &["--json", "--allocs", "on"])?;
    program.send("go")?;
    program.event("allocated", PATIENCE)?;
    tool.signal(Signal::INT)?;
    let report = tool.finish()?.report()?.0;
    let (heap, probes) = (&report["heap"], &report["heap"]["probes"]);
    if cfg!(target_arch = "aarch64") {
        let reason = probes["reason"].as_str().unwrap_or_default();
        ensure!(reason == "it is not known how on arm64", "{heap}");
        return Ok(reason.to_owned());
    }
    for place in ["main.small", "main.middling", "main.large", "main.library"] {
        let sites = list(&heap["sites"]).iter();
        let given = sites
            .filter(|site| site["origin"]["function"] == place)
            .filter_map(|site| site["alloc_bytes"].as_u64())
            .sum::<u64>();
        ensure!(given > 3 * MIB, "{place} was given {given} bytes: {heap}");
    }
    let hits = probes["hits"].as_u64().context("no hits")?;
    Ok(format!("{hits} spans, {} ns each", probes["ns_per_hit"]))
}
