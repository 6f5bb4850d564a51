//! Nothing of the tool stays in the kernel, however it ends.

use std::collections::BTreeSet;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use aya::maps::loaded_maps;
use aya::programs::{loaded_links, loaded_programs};
use rustix::process::Signal;
use tracer_tests::Tool;

use super::ask::{DONE, SOON, native, steady};

/// What the kernel numbers: it gives no number twice before all are used up.
const KINDS: [&str; 3] = ["prog_id", "map_id", "link_id"];

type Ids = BTreeSet<(&'static str, u32)>;

/// What a process holds, out of the files that tell about its descriptors.
fn held_by(pid: u32) -> Result<Ids> {
    let mut ids = Ids::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo"))? {
        // It may be closed meanwhile.
        let text = fs::read_to_string(entry?.path()).unwrap_or_default();
        for line in text.lines() {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            if let Some(kind) = KINDS.iter().find(|kind| **kind == name) {
                ids.insert((kind, value.trim().parse()?));
            }
        }
    }
    Ok(ids)
}

/// What there is in the kernel, whoever holds it.
fn in_the_kernel() -> Ids {
    // One that goes away between being listed and being opened is an error: it is gone.
    let programs = loaded_programs().flatten().map(|it| ("prog_id", it.id()));
    let maps = loaded_maps().flatten().map(|it| ("map_id", it.id()));
    let links = loaded_links().flatten().map(|it| ("link_id", it.id()));
    programs.chain(maps).chain(links).collect()
}

/// The kernel takes things apart in the background.
fn gone(ids: &Ids) -> Result<()> {
    let start = Instant::now();
    loop {
        let left: Vec<_> = in_the_kernel().intersection(ids).copied().collect();
        if left.is_empty() {
            return Ok(());
        }
        ensure!(start.elapsed() < SOON, "still there: {left:?}");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn programs_maps_and_links_go_with_the_tool() -> Result<()> {
    let steady = steady()?;
    for signal in [Signal::INT, Signal::KILL] {
        let tool = Tool::attached(steady.pid(), &[])?;
        let ids = held_by(tool.pid())?;
        for kind in KINDS {
            ensure!(
                ids.iter().any(|(found, _)| *found == kind),
                "no {kind}: {ids:?}"
            );
        }
        ensure!(ids.is_subset(&in_the_kernel()), "{ids:?}");
        tool.signal(signal)?;
        tool.finish()?;
        gone(&ids)?;
    }
    Ok(())
}

#[test]
fn they_go_when_the_target_ends() -> Result<()> {
    let mut native = native()?;
    let tool = Tool::attached(native.pid(), &["--any"])?;
    let ids = held_by(tool.pid())?;
    ensure!(!ids.is_empty());
    native.send("exit")?;
    ensure!(tool.finish()?.code == Some(DONE));
    gone(&ids)
}
