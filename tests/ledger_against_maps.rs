//! The ledger of mappings, rebuilt from calls alone, is what the kernel lists at the end.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tracer_core::{event::EventKind, node::Node, trace::Reader};
use tracer_tests::{Program, Running, Tool};

const SOON: Duration = Duration::from_mins(1);

/// Address, end and protection; neighbours that differ in nothing else are one.
type Ranges = Vec<(u64, u64, u32)>;

fn merged(ranges: impl Iterator<Item = (u64, u64, u32)>) -> Ranges {
    let mut out: Ranges = Vec::new();
    for (start, end, prot) in ranges {
        match out.last_mut() {
            Some(last) if last.1 == start && last.2 == prot => last.1 = end,
            _ => out.push((start, end, prot)),
        }
    }
    out
}

/// What the kernel lists, but for the vsyscall page, which belongs to no process.
fn listed(pid: u32) -> Result<Ranges> {
    let text = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let mut ranges = Vec::new();
    for line in text.lines().filter(|line| !line.ends_with("[vsyscall]")) {
        let mut words = line.split(' ');
        let (start, end) = words
            .next()
            .and_then(|range| range.split_once('-'))
            .context("range")?;
        let bits = words.next().context("permissions")?.bytes();
        let prot = bits
            .zip(b"rwx")
            .enumerate()
            .fold(0, |prot, (at, (have, bit))| {
                prot | u32::from(have == *bit) << at
            });
        ranges.push((
            u64::from_str_radix(start, 16)?,
            u64::from_str_radix(end, 16)?,
            prot,
        ));
    }
    Ok(merged(ranges.into_iter()))
}

#[test]
fn every_page_is_accounted_for() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let trace = directory.path().join("x.trace");
    let mut program = Running::program(&Program::build_c("address_space")?, &["20000"])?;
    program.event("ready", SOON)?;
    let output = trace.to_str().context("path")?;
    let tool = Tool::attached(program.pid(), &["--any", "-o", output])?;
    program.send("go")?;
    program.event("done", SOON)?;
    let expected = listed(program.pid())?;
    tool.signal(rustix::process::Signal::INT)?;
    let outcome = tool.finish()?;
    ensure!(outcome.code == Some(0), "{outcome:?}");
    program.send("exit")?;

    let bytes = fs::read(&trace)?;
    let mut node = Node::default();
    let (mut seeds, mut calls) = (0, 0);
    for event in Reader::new(&bytes)? {
        seeds += u32::from(matches!(event.kind, EventKind::Mappings(_)));
        calls += u32::from(matches!(event.kind, EventKind::Call(_)));
        node.apply(&event);
    }
    // The list was taken once, before the program began; all else comes from its calls.
    ensure!(seeds == 1 && calls > 60_000, "{seeds} lists, {calls} calls");
    let (_, process) = node.processes().next().context("a process")?;
    ensure!(
        process.loss().iter().all(|kind| kind.lost == 0),
        "events were lost"
    );
    let regions = process.vma().regions();
    let found = merged(regions.map(|(start, end, region)| (start, end, region.prot)))
        .into_iter()
        .filter(|(start, ..)| *start < 1 << 63)
        .collect::<Ranges>();
    let only_in = |a: &Ranges, b: &Ranges| -> Vec<String> {
        let odd = a.iter().filter(|range| !b.contains(range));
        odd.map(|(start, end, prot)| format!("{start:x}-{end:x} {prot}"))
            .collect()
    };
    ensure!(
        found == expected,
        "ledger only: {:#?}\nkernel only: {:#?}",
        only_in(&found, &expected),
        only_in(&expected, &found)
    );
    Ok(())
}
