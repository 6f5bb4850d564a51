//! How long one look at the runtime of a Go process takes: `cargo bench --bench runtime -- PID`.
//!
//! Prints one JSON object a line for each kind of structure: the median of [`RUNS`] looks, on one core.

#![expect(clippy::print_stdout, reason = "its output")]

mod line;

use std::time::Instant;

use tracer_user::go::Binary;
use tracer_user::go::runtime::{
    Budget, Globals, Process, Program, is_runtime_function, read_counters, read_goroutines,
    read_spans,
};

const RUNS: usize = 15;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    // Cargo passes `--bench`.
    let pid = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let pid: u32 = pid.ok_or("whose runtime?")?.parse()?;
    let file = std::fs::read(format!("/proc/{pid}/exe"))?;
    let binary = Binary::parse(&file)?;
    let program = Program::read(&file, &binary)?;
    let process = Process::new(pid, Budget::default());
    let globals = Globals::locate(&program, 0, &process)?;
    let table = binary.table.as_ref().ok_or("it has no pclntab")?;

    let counters = times(&process, || {
        read_counters(&process, &globals, None)?;
        Ok("the runtime".to_owned())
    })?;
    print("counters", counters);
    let spans = times(&process, || {
        let census = read_spans(&process, &globals, true)?;
        Ok(format!("{} spans", census.in_use_spans))
    })?;
    print("spans", spans);
    let goroutines = times(&process, || {
        let found = read_goroutines(&process, &globals, |start| {
            let frames = table.lookup(start);
            let outermost = frames.last();
            outermost.is_some_and(|frame| is_runtime_function(&frame.function))
        })?;
        Ok(format!("{} goroutines", found.counted()))
    })?;
    print("goroutines", goroutines);
    Ok(())
}

/// Milliseconds of each look, and what the last one saw.
fn times(
    process: &Process,
    look: impl Fn() -> Result<String, Failure>,
) -> Result<(String, Vec<f64>), Failure> {
    let (mut seen, mut times) = (String::new(), Vec::new());
    for _ in 0..RUNS {
        process.begin();
        let start = Instant::now();
        seen = look()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok((seen, times))
}

fn print(mode: &str, (seen, times): (String, Vec<f64>)) {
    line::print(["reader", "tracer", mode, &seen], "ms", times);
}
