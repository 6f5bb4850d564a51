//! `tracer symbols` against Go's own tools: each minor release of Go, each way to link.
//!
//! ```text
//! tests/programs/symbols ─▶ Twins ─┬▶ unstripped ─▶ image: function entries, instruction boundaries
//!                                  │                  │ pcs
//!                                  │   ┌──────────────┼──────────────────┐
//!                                  │   ▼              ▼                  ▼
//!                                  │ go tool        tracer symbols     llvm-symbolizer
//!                                  │ addr2line        │ every line       (DWARF, inlined calls)
//!                                  └▶ stripped ─▶ tracer symbols: the same, byte for byte
//! ```
//!
//! What differs is named in `symbols/explained.rs`, with the place in Go's source that decides;
//! all else fails. Each passed cell prints a line, past the capture of the test harness.

mod symbols {
    pub(crate) mod answers;
    pub(crate) mod build;
    pub(crate) mod compare;
    pub(crate) mod explained;
    pub(crate) mod frames;
    pub(crate) mod image;
    pub(crate) mod row;
}

use anyhow::{Result, ensure};
use symbols::build::{Build, Link, Program, Workshop};
use symbols::compare::compare;
use symbols::row::Row;
use tracer_tests::GoVersion;

/// Instruction boundaries that are looked up for each release, at the least.
const BOUNDARIES: usize = 200_000;

/// Size of a real program, stripped, at the least.
const LARGE: u64 = 15 << 20;

/// Every way to link, for one release.
fn release(go: GoVersion) -> Result<()> {
    let workshop = Workshop::open()?;
    for link in Link::ALL.iter().filter(|link| link.is_tested(go)) {
        let program = link.program();
        let row = check(
            &workshop,
            Build {
                go,
                link: *link,
                program,
            },
        )?;
        ensure!(
            *link != Link::Plain || row.pcs >= BOUNDARIES,
            "only {} instructions",
            row.pcs
        );
    }
    Ok(())
}

/// A program with modules from the proxy.
fn real_program(name: &str) -> Result<()> {
    let mut programs = GoVersion::REAL_PROGRAMS.iter();
    let (name, go) = programs
        .find(|program| program.0 == name)
        .expect("one of the programs");
    let row = check(
        &Workshop::open()?,
        Build {
            go: *go,
            link: Link::Plain,
            program: Program::real(name),
        },
    )?;
    ensure!(row.stripped >= LARGE, "only {} bytes", row.stripped);
    ensure!(row.pcs >= BOUNDARIES, "only {} instructions", row.pcs);
    Ok(())
}

fn check(workshop: &Workshop, build: Build) -> Result<Row> {
    let row = compare(workshop, build)?;
    row.print();
    Ok(row)
}

// These take longest: their names let the harness start them first.

#[test]
fn a_real_program_cloud() -> Result<()> {
    real_program("cloud")
}

#[test]
fn a_real_program_cluster() -> Result<()> {
    real_program("cluster")
}

#[test]
fn a_real_program_columns() -> Result<()> {
    real_program("columns")
}

tracer_tests::releases!(release);
