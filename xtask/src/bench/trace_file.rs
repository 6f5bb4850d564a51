//! `replay` and `size`: how fast a trace is analysed, and how big it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tracer_tests::status_bytes;

use super::Options;
use super::cell::{Cell, Events, Measure};
use super::load::{Load, Subject};
use super::tool::{self, Session, Tool};

/// Long enough that starting the tool does not count.
const RECORDED: Duration = Duration::from_secs(8);

/// Events a second of `tracer analyze`, and its memory.
pub(super) fn replay(options: &Options) -> Result<Vec<Cell>> {
    let mut cells = Vec::new();
    for name in ["mm", "random"] {
        let trace = record(name, RECORDED)?;
        let events = trace.events as f64;
        let (mut rates, mut peaks) = (Vec::new(), Vec::new());
        for _ in 0..options.pairs {
            let (took, peak) = analyze(&trace.path)?;
            rates.push(events / took.as_secs_f64());
            peaks.push(peak as f64 / f64::from(1 << 20));
        }
        let on = format!("{name}, {:.1} M events", events / 1e6);
        let mode = "analyze";
        cells.push(Cell::of_runs(
            ["replay", "tracer", mode, &on],
            Measure::unit("events/s"),
            rates,
        ));
        let on = format!("{on}, peak RSS");
        cells.push(Cell::of_runs(
            ["replay", "tracer", mode, &on],
            Measure::unit("MiB"),
            peaks,
        ));
    }
    if (tool::PERF_RECORD.present)() {
        let (samples, _) = perf_record("mm", Duration::from_millis(200))?;
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", "0", "perf", "script", "--input"]);
        let start = Instant::now();
        let status = command
            .arg(tool::perf_data())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        ensure!(status.success(), "perf script: {status}");
        let rate = samples as f64 / start.elapsed().as_secs_f64();
        cells.push(Cell::of_runs(
            ["replay", "perf script", "-g", "mm"],
            Measure::unit("events/s"),
            vec![rate],
        ));
    }
    Ok(cells)
}

/// Time and peak memory of the command, on one CPU.
fn analyze(trace: &Path) -> Result<(Duration, u64)> {
    let start = Instant::now();
    let mut child = Command::new("taskset")
        .args(["--cpu-list", "0"])
        .arg(tracer_tests::tracer_binary()?)
        .args(["analyze", "--json"])
        .arg(trace)
        .stdout(Stdio::null())
        .spawn()
        .context("start tracer analyze")?;
    let mut peak = 0;
    loop {
        // At its end it has no memory any more.
        peak = status_bytes(child.id(), "VmHWM").map_or(peak, |now| peak.max(now));
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "tracer analyze: {status}");
            return Ok((start.elapsed(), peak));
        }
        sleep(Duration::from_millis(1));
    }
}

/// Bytes of a trace for each event, next to perf's recording of the same load.
pub(super) fn size(_: &Options) -> Result<Vec<Cell>> {
    let mut cells = Vec::new();
    for name in ["mm", "random"] {
        let trace = record(name, Duration::from_secs(2))?;
        let blocks = Blocks::of(&fs::read(&trace.path)?)?;
        let each = |bytes: u64| bytes as f64 / trace.events as f64;
        let cell = |tool: &str, mode: &str, value: f64| {
            let names = ["size", tool, mode, name];
            Cell::of_runs(names, Measure::unit("bytes/event"), vec![value])
        };
        let mut ours = [
            cell("tracer", "raw", each(blocks.raw)),
            cell("tracer", "zstd", each(blocks.stored)),
        ];
        for cell in &mut ours {
            cell.events = Some(trace.seen);
        }
        cells.extend(ours);
        if (tool::PERF_RECORD.present)() {
            let (samples, data) = perf_record(name, Duration::from_millis(500))?;
            let each = |bytes: u64| bytes as f64 / samples as f64;
            cells.push(cell("perf record", "raw", each(fs::metadata(&data)?.len())));
            if let Some(bytes) = zstd(&data) {
                cells.push(cell("perf record", "zstd", each(bytes)));
            }
        }
    }
    Ok(cells)
}

struct Trace {
    path: PathBuf,
    /// All in the file.
    events: u64,
    /// The calls of the load.
    seen: Events,
}

/// Records a load that runs for about so long.
fn record(name: &str, long: Duration) -> Result<Trace> {
    let mut load = Load::start(name, 0)?;
    let operations = long.as_nanos() as f64 / load.run(20_000)?.ns[0];
    let session = Session::start(load.pid(), tool::TRACE_FILE.flags)?;
    let ran = load.run(operations as u64)?;
    let (_, seen) = session.finish(&ran)?;
    let path = tool::trace_path();
    let events = Blocks::of(&fs::read(&path)?)?.events;
    ensure!(
        events >= seen.received,
        "{} events were received, {events} are in the trace",
        seen.received
    );
    Ok(Trace { path, events, seen })
}

/// Samples, and where they are.
fn perf_record(name: &str, long: Duration) -> Result<(u64, PathBuf)> {
    let Tool { attach, .. } = tool::PERF_RECORD;
    let mut load = Load::start(name, 0)?;
    let operations = long.as_nanos() as f64 / load.run(20_000)?.ns[0];
    let attached = attach(load.pid())?;
    let ran = load.run(operations as u64)?;
    let events = attached.detach(&ran)?.context("perf tells its samples")?;
    Ok((events.received, tool::perf_data()))
}

/// The size of a file after `zstd -1`, if that is installed.
fn zstd(path: &Path) -> Option<u64> {
    let output = Command::new("zstd")
        .args(["-1", "--quiet", "--stdout"])
        .arg(path)
        .output()
        .ok()?;
    output
        .status
        .success()
        .then_some(output.stdout.len() as u64)
}

/// What the frames of a trace say: see `tracer-core/src/trace.rs`.
#[derive(Debug, Default)]
struct Blocks {
    /// Bytes of the payloads before and after compression, with the frames.
    raw: u64,
    stored: u64,
    /// Numbers of events, as the last frame counts them.
    events: u64,
}

/// Bytes of a frame, and what it begins with.
const FRAME: usize = 32;
const MAGIC: &[u8] = b"\xf5TB2";

impl Blocks {
    fn of(trace: &[u8]) -> Result<Self> {
        let first = trace.windows(4).position(|bytes| bytes == MAGIC);
        let mut at = first.context("a trace has a block")?;
        let mut blocks = Self {
            raw: at as u64,
            stored: trace.len() as u64,
            events: 0,
        };
        while at < trace.len() {
            let frame = trace.get(at..at + FRAME).context("a whole frame")?;
            ensure!(frame.starts_with(MAGIC), "no frame at {at}");
            let field = |at: usize| {
                frame[at..at + 4]
                    .iter()
                    .rev()
                    .fold(0, |number, byte| number << 8 | u64::from(*byte))
            };
            let (stored, raw) = (field(8), field(12));
            blocks.events = field(16) | field(20) << 32;
            blocks.raw += FRAME as u64 + raw;
            at += FRAME + stored as usize;
        }
        Ok(blocks)
    }
}
