//! Names of 200 000 addresses of a real Go program: in our library, and as commands of several tools.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use tracer_tests::GoVersion;

use super::Options;
use super::cell::{Cell, Measure};
use super::library;
use crate::step::failure;

/// Each command is run as often, one after the other.
const ROUNDS: usize = 11;

/// The last release whose `go` command comes with DWARF, which llvm-symbolizer needs: 15 MiB.
const WITH_DWARF: GoVersion = GoVersion::GO_1_20;
/// Without DWARF: 16 MiB.
const NEWEST: GoVersion = GoVersion::GO_1_27;

pub(super) fn run(_: &Options) -> Result<Vec<Cell>> {
    let binaries = [go_command(WITH_DWARF)?, go_command(NEWEST)?];
    let mut cells = library::cells("symbols", &binaries)?;
    cells.extend(commands(&binaries[0])?);
    Ok(cells)
}

/// The `go` command of a release is a real Go program that every machine with the tests has.
fn go_command(version: GoVersion) -> Result<PathBuf> {
    let path = version.root()?.join("bin/go");
    if !path.exists() {
        let number = version.number();
        return Err(failure(
            format!("Go {number} is not here"),
            "run `cargo xtask setup`",
        ));
    }
    Ok(path)
}

/// The same addresses to each tool, from start to end.
fn commands(binary: &Path) -> Result<Vec<Cell>> {
    let listing = library::said("symbols", &[OsStr::new("--list"), binary.as_os_str()])?;
    let count = listing.lines().count();
    ensure!(count == 200_000, "{count} addresses");
    let directory = tracer_tests::target_directory().join("xtask");
    fs::create_dir_all(&directory)?;
    let pcs = directory.join("bench-symbols.pcs");
    fs::write(&pcs, listing)?;

    let tracer = tracer_tests::tracer_binary()?;
    let object = format!("--obj={}", binary.display());
    let named = |name: &'static str, program: &Path, args: &[&str]| {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", "0"]).arg(program).args(args);
        (name, command)
    };
    let path = binary.to_str().context("a path that is no text")?;
    let mut tools = [
        named("tracer", &tracer, &["symbols", path, "-"]),
        named("go addr2line", binary, &["tool", "addr2line", path]),
        named(
            "llvm-symbolizer",
            Path::new("llvm-symbolizer-22"),
            &[&object],
        ),
    ];
    let mut rates = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for ((name, command), rates) in tools.iter_mut().zip(&mut rates) {
            let start = Instant::now();
            let status = command
                .stdin(File::open(&pcs)?)
                .stdout(Stdio::null())
                .status()
                .with_context(|| format!("start {name}"))?;
            ensure!(status.success(), "{name}: {status}");
            rates.push(count as f64 / start.elapsed().as_secs_f64());
        }
    }
    let on = format!("go of go{}", WITH_DWARF.number());
    let cells = tools.iter().zip(rates).map(|((name, _), rates)| {
        Cell::of_runs(
            ["symbols", name, "command", &on],
            Measure::unit("lookups/s"),
            rates,
        )
    });
    Ok(cells.collect())
}
