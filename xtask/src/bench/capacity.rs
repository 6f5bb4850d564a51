//! `rate`, `agent-cpu` and `memory`: what the tracer takes, and what it needs for it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tracer_tests::status_bytes;

use super::Options;
use super::cell::{Cell, Events, Measure};
use super::load::{Expected, Load, Ran, Subject};
use super::process::{cpu_seconds, map_bytes, mapped_bytes};
use super::tool::{self, Session, Tool};

/// How long each rate is held.
const HELD: Duration = Duration::from_secs(2);

/// The most calls a second, one in a hundred with a new stack, that come through without loss.
pub(super) fn rate(options: &Options) -> Result<Vec<Cell>> {
    let modes = [&tool::FULL, &tool::TRACE_FILE, &tool::NO_STACKS];
    let modes = modes.into_iter().filter(|mode| (mode.present)());
    let cells = modes.map(|mode| rate_of(mode, options));
    Ok(cells.collect::<Result<Vec<_>>>()?.concat())
}

fn rate_of(mode: &Tool, options: &Options) -> Result<Vec<Cell>> {
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    let mut events = Events::default();
    // A rate is a search of its own; three of them show how far they lie apart.
    for _ in 0..options.pairs.min(3) {
        let mut load = Load::start("brk", 0)?;
        load.run(100_000)?;
        let untraced = load.run(1_000_000)?.ns[0];
        let (traced, rate, seen) = highest_lossless(&mut load, mode.flags, untraced)?;
        costs.push(traced - untraced);
        rates.push(rate);
        events.add(&seen);
    }
    let mut cell = Cell::of_runs(
        ["rate", mode.name, mode.mode, ""],
        Measure::unit("events/s"),
        rates,
    );
    cell.events = Some(events);
    let names = ["rate", mode.name, mode.mode, "added to a call"];
    let cost = Cell::of_runs(names, Measure::unit("ns/event"), costs);
    Ok(vec![cell, cost])
}

/// All that one CPU can offer, or the highest of some rates below that loses nothing.
///
/// Also how many nanoseconds a call takes when nothing holds it back.
fn highest_lossless(load: &mut Load, flags: &[&str], ns: f64) -> Result<(f64, f64, Events)> {
    // Traced it takes some three times as long.
    let offered = HELD.as_nanos() as f64 / ns / 3.0;
    let (full, events) = offer(load, flags, |load| load.run(offered as u64))?;
    let traced = 1e9 / full;
    if events.lost == 0 {
        return Ok((traced, full, events));
    }
    let (mut good, mut bad) = ((0.0, Events::default()), full);
    for _ in 0..5 {
        let rate = f64::midpoint(good.0, bad);
        let held = (rate * HELD.as_secs_f64()) as u64;
        let (reached, events) = offer(load, flags, |load| load.pace(rate as u64, held))?;
        if events.lost == 0 {
            good = (reached, events);
        } else {
            bad = rate;
        }
    }
    let (rate, events) = good;
    Ok((traced, rate, events))
}

fn offer(
    load: &mut Load,
    flags: &[&str],
    run: impl FnOnce(&mut Load) -> Result<Ran>,
) -> Result<(f64, Events)> {
    let session = Session::start(load.pid(), flags)?;
    let ran = run(load)?;
    let (_, events) = session.finish(&ran)?;
    Ok((1e9 / ran.ns[0], events))
}

/// CPU time of the tracer: for a million events, and with nothing to do.
pub(super) fn agent_cpu(options: &Options) -> Result<Vec<Cell>> {
    let modes = [&tool::FULL, &tool::TRACE_FILE, &tool::NO_STACKS];
    let modes = modes.into_iter().filter(|mode| (mode.present)());
    let mut cells = modes
        .map(|mode| cpu_of(mode, options))
        .collect::<Result<Vec<_>>>()?;
    cells.push(idle(options)?);
    Ok(cells)
}

fn cpu_of(mode: &Tool, options: &Options) -> Result<Cell> {
    let operations = Load::start("mm", 0)?.calibrate()?;
    let mut all = Events::default();
    let mut seconds = Vec::new();
    for _ in 0..options.pairs {
        let mut load = Load::start("mm", 0)?;
        load.run(operations / 4)?;
        let session = Session::start(load.pid(), mode.flags)?;
        let before = cpu_seconds(session.pid())?;
        let ran = load.run(operations)?;
        // What is still in the ring, and in the block of the trace that is open.
        sleep(Duration::from_millis(200));
        let used = cpu_seconds(session.pid())? - before;
        let (_, events) = session.finish(&ran)?;
        let Expected::Calls(_, faults) = &ran.expected else {
            continue;
        };
        seconds.push(used * 1e6 / (events.received + faults) as f64);
        all.add(&events);
    }
    let names = [
        "agent-cpu",
        mode.name,
        mode.mode,
        "mm, with its page faults",
    ];
    let mut cell = Cell::of_runs(names, Measure::unit("s per million"), seconds);
    cell.events = Some(all);
    Ok(cell)
}

/// A process that sleeps is traced.
fn idle(options: &Options) -> Result<Cell> {
    let load = Load::start("mm", 0)?;
    let session = Session::start(load.pid(), &[])?;
    let shares = (0..options.pairs).map(|_| {
        let (before, start) = (cpu_seconds(session.pid())?, Instant::now());
        sleep(Duration::from_secs(1));
        let used = cpu_seconds(session.pid())? - before;
        Ok(100.0 * used / start.elapsed().as_secs_f64())
    });
    let shares = shares.collect::<Result<Vec<f64>>>()?;
    let names = ["agent-cpu", "tracer", "full_stacks", "idle target"];
    Ok(Cell::of_runs(names, Measure::unit("% of a CPU"), shares))
}

/// How long memory is watched; its growth is between the middle and the end.
const WATCHED: Duration = Duration::from_secs(15);

/// Memory of the tracer and of its maps under the full rate of `mm` and of `random`.
pub(super) fn memory(options: &Options) -> Result<Vec<Cell>> {
    let mut cells = Vec::new();
    let watched = WATCHED * u32::from(options.pairs.min(11)) / 11;
    for name in ["mm", "random"] {
        let operations = watched.as_nanos() as f64 / Load::start(name, 0)?.run(20_000)?.ns[0];
        let mut load = Load::start(name, 0)?;
        let session = Session::start(load.pid(), tool::TRACE_FILE.flags)?;
        let pid = session.pid();
        let middle = std::thread::spawn(move || {
            sleep(watched / 2);
            status_bytes(pid, "VmRSS")
        });
        let ran = load.run(operations as u64)?;
        let middle = middle.join().ok().context("watch the memory")??;
        let [rss, peak] = ["VmRSS", "VmHWM"].map(|field| status_bytes(pid, field));
        let (rss, peak, maps) = (rss?, peak?, map_bytes(pid)?);
        let ring = mapped_bytes(pid, "bpf-map")?;
        let (_, events) = session.finish(&ran)?;
        ensure!(maps > 0, "the kernel does not tell the memory of maps");
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        for (what, value) in [
            ("peak RSS without the mapped ring", mib(peak - ring)),
            ("maps", mib(maps)),
            ("growth of RSS in the second half", mib(rss) - mib(middle)),
        ] {
            let on = format!("{name}, {what}");
            let names = ["memory", "tracer", "trace_file", &on];
            let mut cell = Cell::of_runs(names, Measure::unit("MiB"), vec![value]);
            cell.events = Some(events);
            cells.push(cell);
        }
    }
    Ok(cells)
}
