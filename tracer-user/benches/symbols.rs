//! How fast Go symbols are: `cargo bench --bench symbols -- BINARY...`; with `--list` only the
//! addresses are printed.
//!
//! Prints one JSON object a line for each binary and mode: the median of [`RUNS`] runs, on one core.
//! Each lookup gives the function, file and line of every frame, inlined calls included.

#![expect(clippy::print_stdout, reason = "its output")]

mod line;

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use tracer_user::go::{self, Binary, Frame, Table};

const RUNS: usize = 15;

/// Addresses spread over the text.
const UNIQUE: usize = 200_000;
/// Addresses that come again and again, and how often in one run.
const KNOWN: usize = 20_000;
const REPEATS: usize = 4_000_000;

const ELF_HEADER: u64 = 64;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    // Cargo passes `--bench`.
    let paths = std::env::args().skip(1).filter(|arg| !arg.starts_with('-'));
    let list = std::env::args().any(|arg| arg == "--list");
    for path in paths {
        let path = Path::new(&path);
        if list {
            for pc in addresses(&open(path)?.1) {
                println!("{pc:#x}");
            }
        } else {
            measure(path)?;
        }
    }
    Ok(())
}

/// Name and release of the program, and its table.
fn open(path: &Path) -> Result<(String, Table), Failure> {
    let binary = Binary::parse(&read(path)?)?;
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let name = format!("{file} of {}", binary.go_version.unwrap_or_default());
    Ok((name, binary.table.ok_or("it has no pclntab")?))
}

fn measure(path: &Path) -> Result<(), Failure> {
    let (name, table) = open(path)?;
    let sorted = addresses(&table);
    let mut random = sorted.clone();
    shuffle(&mut random);

    let batch = |pcs: &[u64]| {
        rates(pcs.len(), || {
            let mut sum = 0;
            table.lookup_all(pcs, |_, frames| sum += touch(frames));
            sum
        })
    };
    print(&name, "unique_sorted", "lookups/s", batch(&sorted));
    print(&name, "unique_random", "lookups/s", batch(&random));
    let one_by_one = rates(random.len(), || {
        let lookups = random.iter().map(|pc| touch(&table.lookup(*pc)));
        lookups.sum()
    });
    print(&name, "unique_one_by_one", "lookups/s", one_by_one);

    let mut lookups = table.lookups();
    let known = &random[..KNOWN];
    for pc in known {
        lookups.frames(*pc);
    }
    let repeated = rates(REPEATS, || {
        let again = known.iter().cycle().take(REPEATS);
        again.map(|pc| touch(lookups.frames(*pc))).sum()
    });
    print(&name, "repeated", "lookups/s", repeated);

    let first = sorted[sorted.len() / 2];
    let times: Result<_, Failure> = (0..RUNS).map(|_| cold(path, first)).collect();
    print(&name, "cold_first_symbol", "ms", times?);
    print(&name, "memory", "bytes", vec![table.memory() as f64]);
    print(
        &name,
        "pclntab",
        "bytes",
        vec![table.pclntab_bytes() as f64],
    );
    Ok(())
}

/// Milliseconds from opening the file to the frames of one address.
fn cold(path: &Path, pc: u64) -> Result<f64, Failure> {
    let start = Instant::now();
    let table = Binary::parse(&read(path)?)?.table;
    black_box(table.as_ref().map(|table| touch(&table.lookup(pc))));
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// As the tool reads a file: only the parts that are looked at.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let file = File::open(path)?;
    let mut data = vec![0; usize::try_from(file.metadata()?.len())?];
    file.read_exact_at(&mut data[..ELF_HEADER as usize], 0)?;
    for _ in 0..2 {
        for part in go::parts(&data) {
            let end = part.end.min(data.len() as u64);
            let place = &mut data[part.start as usize..end as usize];
            file.read_exact_at(place, part.start)?;
        }
    }
    Ok(data)
}

fn addresses(table: &Table) -> Vec<u64> {
    let text = table.text_range();
    let size = text.end - text.start;
    (0..UNIQUE as u64)
        .map(|index| text.start + size * index / UNIQUE as u64)
        .collect()
}

/// The same order in every run (xorshift, Marsaglia 2003).
fn shuffle(addresses: &mut [u64]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for index in (1..addresses.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        addresses.swap(index, (state % (index as u64 + 1)) as usize);
    }
}

/// Something of each frame's parts, so that none of them is left out.
fn touch(frames: &[Frame<'_>]) -> usize {
    let parts = frames
        .iter()
        .map(|frame| frame.function.len() + frame.file.len() + frame.line as usize);
    parts.sum()
}

/// Lookups per second in each run.
fn rates(count: usize, mut run: impl FnMut() -> usize) -> Vec<f64> {
    let rate = |_| {
        let start = Instant::now();
        black_box(run());
        count as f64 / start.elapsed().as_secs_f64()
    };
    (0..RUNS).map(rate).collect()
}

fn print(binary: &str, mode: &str, unit: &str, values: Vec<f64>) {
    line::print(["symbols", "tracer", mode, binary], unit, values);
}
