//! The ledger of RSS adds up to what the kernel reports, whatever a program's memory is made of.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tracer_tests::{Flag, GoVersion, Outcome, Program, Running, Smaps, attach, list};

const SOON: Duration = Duration::from_mins(1);
const MIB: u64 = 1 << 20;

/// What may be left over: a share of RSS, or so much.
const RESIDUAL: (f64, u64) = (0.02, 2 * MIB);
/// The same while a program allocates.
const RESIDUAL_UNDER_LOAD: (f64, u64) = (0.05, 2 * MIB);

/// A program, told what to do; and what of its memory has to be where.
struct Shape {
    program: &'static str,
    go: GoVersion,
    flags: &'static [Flag],
    args: &'static [&'static str],
    /// Commands, and the events that answer them.
    commands: &'static [(&'static str, &'static str)],
    /// The line of the ledger that holds the most.
    line: &'static str,
    /// Bytes on it, when the program does not say.
    least: u64,
    moves: bool,
}

const SHAPE: Shape = Shape {
    program: "shapes",
    go: GoVersion::GO_1_26,
    flags: &[],
    args: &[],
    commands: &[],
    line: "file",
    least: 0,
    moves: false,
};

const SHAPES: &[Shape] = &[
    Shape {
        args: &["small"],
        ..SHAPE
    },
    Shape {
        args: &["heap"],
        line: "go_heap_live",
        ..SHAPE
    },
    Shape {
        args: &["stacks"],
        line: "go_stacks",
        ..SHAPE
    },
    Shape {
        args: &["file"],
        ..SHAPE
    },
    Shape {
        args: &["huge"],
        line: "native",
        ..SHAPE
    },
    Shape {
        args: &["spike"],
        line: "go_heap_free",
        // What is free is given back, bit by bit.
        moves: true,
        ..SHAPE
    },
    Shape {
        args: &["load"],
        line: "go_heap_live",
        moves: true,
        ..SHAPE
    },
    Shape {
        program: "cgo_heap",
        flags: &[Flag::Cgo],
        commands: &[("grow", "grown")],
        line: "native",
        least: 90 * MIB,
        ..SHAPE
    },
    Shape {
        program: "lazily_freed",
        go: GoVersion::GO_1_15,
        args: &["-hold", "-1"],
        commands: &[("drop", "ready"), ("free", "ready")],
        line: "lazy_free",
        least: 380 * MIB,
        ..SHAPE
    },
];

fn watched(shape: &Shape) -> Result<(Outcome, u64, Smaps)> {
    let executable = Program::build(shape.program, shape.go, shape.flags)?;
    let mut program = Running::program(&executable, shape.args)?;
    let ready = program.event("ready", SOON)?;
    for (command, answer) in shape.commands {
        program.send(command)?;
        program.event(answer, SOON)?;
    }
    let outcome = attach(program.pid(), &["--json", "-q", "-d", "2s"])?;
    let held = ready["held"].as_u64().unwrap_or(shape.least);
    Ok((outcome, held, Smaps::read(program.pid())?))
}

fn check(shape: &Shape) -> Result<()> {
    let (outcome, least, truth) = watched(shape)?;
    let report = outcome.report()?;
    let ledger = &report.0["ledger"];
    let rss = ledger["rss_bytes"].as_u64().context("no RSS")?;
    let residual = ledger["residual_bytes"].as_i64().context("no residual")?;
    let lines = list(&ledger["lines"]).iter();
    let sum: u64 = lines.map(|line| line["bytes"].as_u64().unwrap_or(0)).sum();
    ensure!(sum.checked_add_signed(residual) == Some(rss), "{ledger:#}");

    let (part, bytes) = if shape.args == ["load"] {
        RESIDUAL_UNDER_LOAD
    } else {
        RESIDUAL
    };
    let allowed = bytes.max((part * rss as f64) as u64);
    ensure!(residual.unsigned_abs() <= allowed, "{ledger:#}");
    if !shape.moves {
        // The kernel counts pages of each thread apart, and adds them up later.
        ensure!(rss.abs_diff(truth.rss) <= 2 * MIB, "{truth:?} {ledger:#}");
    }
    let found = report.ledger(shape.line).unwrap_or(0);
    ensure!(found >= least, "less than {least}: {ledger:#}");
    Ok(())
}

#[test]
fn what_each_shape_holds_adds_up() -> Result<()> {
    for shape in SHAPES {
        let (program, args) = (shape.program, shape.args);
        check(shape).with_context(|| format!("{program} {args:?}"))?;
    }
    Ok(())
}
