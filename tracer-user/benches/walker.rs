//! What a stack costs, and whether it is the one that the kernel finds: `cargo bench --bench walker`.
//!
//! A Go program calls brk from stacks of several depths. What taking one costs is the time of the program that takes it
//! less that of one that is the same otherwise: `tracer attach` with and without `--no-stacks`, and a program with and
//! without `bpf_get_stack`; the kernel keeps these times (`BPF_ENABLE_STATS`). Then all stacks of a recording are
//! compared with those that `bpf_get_stack` gave. Prints one JSON object a line.

#![expect(clippy::print_stdout, reason = "its output")]

mod line;

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aya::programs::TracePoint;
use aya::sys::{Stats, enable_stats};
use aya::{Ebpf, EbpfLoader, maps};
use rustix::process::Signal;
use tracer_core::event::{EventKind, Syscall};
use tracer_core::trace::Reader;
use tracer_tests::{GoVersion, Program, Running, Tool, tracer_binary};
use tracer_user::proc::tracefs;

/// The programs with `bpf_get_stack`, which takes so many frames; empty when the BPF tools were missing.
static PEER: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tracer-get-stack"));
type Frames = [u64; 64];

/// Frames of a stack, and how often it was seen.
type Stacks = HashMap<Vec<u64>, u64>;

const DEPTHS: [u64; 4] = [12, 16, 32, 64];
/// Frames of the load's shallowest stack; each turn adds two.
const LEAST_DEPTH: u64 = 12;

const RUNS: usize = 11;
const CALLS: u64 = 400_000;
const PATIENCE: Duration = Duration::from_mins(1);

fn main() -> Result<()> {
    ensure!(
        !PEER.is_empty(),
        "bpf-linker is missing: run `cargo xtask setup`"
    );
    // While there is one thread.
    tracefs::ensure()?;
    let _counting = enable_stats(Stats::RunTime)?;
    let mut least_equal = f64::INFINITY;
    for depth in DEPTHS {
        let mut load = Load::start(depth)?;
        let (mut ours, mut kernels) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            ours.push(load.under_tracer(&[])? - load.under_tracer(&["--no-stacks"])?);
            let [with, without] = load.under_peer()?;
            kernels.push(with - without);
        }
        let cheaper = ours
            .iter()
            .zip(&kernels)
            .map(|(ours, kernels)| kernels / ours);
        let cheaper = cheaper.collect();
        let on = format!("{depth} frames");
        print("tracer", "a stack", &on, "ns", ours);
        print("bpf_get_stack", "a stack", &on, "ns", kernels);
        print("tracer", "times cheaper", &on, "x", cheaper);

        let equal = load.equal_frames(depth)?;
        print("tracer", "equal frames", &on, "%", vec![equal]);
        least_equal = least_equal.min(equal);
    }
    print(
        "tracer",
        "equal frames",
        "worst of all",
        "%",
        vec![least_equal],
    );
    Ok(())
}

fn print(tool: &str, mode: &str, on: &str, unit: &str, values: Vec<f64>) {
    line::print(["walker", tool, mode, on], unit, values);
}

/// The program that calls.
struct Load(Running);

impl Load {
    fn start(depth: u64) -> Result<Self> {
        let program = Program::build("bench", GoVersion::GO_1_26, &[])?;
        let mut command = on_cpu(0);
        let turns = ((depth - LEAST_DEPTH) / 2).to_string();
        command
            .arg(program)
            .args(["-load", "brk", "-turns", &turns]);
        let load = Running::start(&mut command)?;
        load.event("ready", PATIENCE)?;
        Ok(Self(load))
    }

    fn call(&mut self) -> Result<()> {
        self.0.send(&format!("run {CALLS}"))?;
        self.0.event("ran", PATIENCE).map(drop)
    }

    fn trace(&self, flags: &[&str]) -> Result<Tool> {
        let mut command = on_cpu(1);
        command
            .arg(tracer_binary()?)
            .args(["attach", "--verbose", "--json"]);
        command.args(["--pid", &self.0.pid().to_string()]);
        let mut tool = Tool::spawn(command.args(flags))?;
        tool.until("attached")?;
        Ok(tool)
    }

    /// Nanoseconds of the program that the calls went through.
    fn under_tracer(&mut self, flags: &[&str]) -> Result<f64> {
        let tool = self.trace(flags)?;
        self.call()?;
        let (ns, runs) = busiest(tool.pid())?;
        end(tool)?;
        ensure!(runs >= CALLS, "{runs} of {CALLS} calls were seen");
        Ok(ns as f64 / runs as f64)
    }

    fn under_peer(&mut self) -> Result<[f64; 2]> {
        let mut peer = self.peer(&["get_stack", "no_stack"])?;
        self.call()?;
        Ok([
            ns_of(&mut peer, "get_stack")?,
            ns_of(&mut peer, "no_stack")?,
        ])
    }

    /// Hooks the programs in where brk returns.
    fn peer(&self, programs: &[&str]) -> Result<Ebpf> {
        let only = u64::from(self.0.pid());
        let mut peer = EbpfLoader::new()
            .btf(None)
            .override_global("ONLY_TGID", &only, true)
            .load(PEER)?;
        for name in programs {
            let program = tracepoint(&mut peer, name)?;
            program.load()?;
            program.attach("syscalls", "sys_exit_brk")?;
        }
        Ok(peer)
    }

    /// Percent of the frames that are the same in both, of all that either found.
    fn equal_frames(&mut self, depth: u64) -> Result<f64> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("walker.trace");
        let name = path.to_str().context("a path that is no text")?;
        let mut peer = self.peer(&["count_stack"])?;
        let tool = self.trace(&["--output", name])?;
        // What came before the attach only one of them has seen.
        let counts = peer.take_map("STACKS").context("no map of stacks")?;
        let mut counts = maps::HashMap::<_, Frames, u64>::try_from(counts)?;
        for frames in counts.keys().collect::<Result<Vec<_>, _>>()? {
            counts.remove(&frames)?;
        }
        self.call()?;
        let kernels = counts
            .iter()
            .map(|entry| entry.map(|(frames, count)| (until_zero(&frames), count)))
            .collect::<Result<Stacks, _>>()?;
        end(tool)?;
        let ours = recorded(&fs::read(&path)?)?;
        let depths: BTreeSet<usize> = kernels.keys().map(Vec::len).collect();
        ensure!(
            depths.contains(&(depth as usize)),
            "stacks have {depths:?} frames, none of them {depth}"
        );
        Ok(equal(&ours, &kernels))
    }
}

fn on_cpu(cpu: u8) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &cpu.to_string()]);
    command
}

fn end(tool: Tool) -> Result<()> {
    tool.signal(Signal::INT)?;
    tool.finish()?.report().map(drop)
}

fn tracepoint<'a>(peer: &'a mut Ebpf, name: &str) -> Result<&'a mut TracePoint> {
    let program = peer
        .program_mut(name)
        .with_context(|| format!("no program {name}"))?;
    Ok(program.try_into()?)
}

fn ns_of(peer: &mut Ebpf, name: &str) -> Result<f64> {
    let info = tracepoint(peer, name)?.info()?;
    ensure!(
        info.run_count() >= CALLS,
        "{name} saw {} of {CALLS} calls",
        info.run_count()
    );
    Ok(info.run_time().as_nanos() as f64 / info.run_count() as f64)
}

/// Time and runs of the program of a process that ran most.
fn busiest(pid: u32) -> Result<(u64, u64)> {
    let number = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse::<u64>().ok()
    };
    let mut busiest = (0, 0);
    for file in fs::read_dir(format!("/proc/{pid}/fdinfo"))? {
        // A descriptor may be closed meanwhile.
        let text = fs::read_to_string(file?.path()).unwrap_or_default();
        if let Some(ns) = number(&text, "run_time_ns:")
            && let Some(runs) = number(&text, "run_cnt:")
            && runs > busiest.1
        {
            busiest = (ns, runs);
        }
    }
    Ok(busiest)
}

fn until_zero(frames: &Frames) -> Vec<u64> {
    frames
        .iter()
        .copied()
        .take_while(|&frame| frame != 0)
        .collect()
}

/// The stacks of the calls in a trace.
fn recorded(trace: &[u8]) -> Result<Stacks> {
    let mut by_id = HashMap::new();
    let mut counts = HashMap::<_, u64>::new();
    for event in Reader::new(trace)? {
        match event.kind {
            EventKind::Stack(stack) => {
                let mut frames = stack.addresses;
                frames.truncate(size_of::<Frames>() / size_of::<u64>());
                by_id.insert(stack.id, frames);
            }
            EventKind::Call(call) if matches!(call.what, Syscall::Brk { .. }) => {
                *counts
                    .entry(call.stack.context("a call without its stack")?)
                    .or_default() += 1;
            }
            _ => {}
        }
    }
    let stacks = counts.into_iter().map(|(id, count)| {
        let frames = by_id.get(&id).context("a stack without its frames")?;
        Ok((frames.clone(), count))
    });
    stacks.collect()
}

fn equal(ours: &Stacks, kernels: &Stacks) -> f64 {
    let frames = |stacks: &Stacks| {
        stacks
            .iter()
            .map(|(stack, n)| stack.len() as u64 * n)
            .sum::<u64>()
    };
    let same: u64 = kernels
        .iter()
        .filter_map(|(stack, n)| Some(stack.len() as u64 * ours.get(stack)?.min(n)))
        .sum();
    100.0 * same as f64 / frames(ours).max(frames(kernels)) as f64
}
