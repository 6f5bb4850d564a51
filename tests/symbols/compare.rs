//! Asks three tools about every instruction of a program, and compares answer by answer.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use tracer_tests::{GoVersion, tracer_binary};

use super::answers::{Answers, from_block, from_json};
use super::build::{Build, Workshop};
use super::explained::{Case, EXPLAINED, explain};
use super::frames::{Frame, Place, canonical};
use super::image::{Function, functions};
use super::row::Row;

/// The first whose addr2line finds the table of a position-independent executable.
const READS_PIE: GoVersion = GoVersion::GO_1_20;

/// Unexplained differences that are shown.
const SHOWN: usize = 5;

/// Builds a cell of the matrix and compares all of it.
pub(crate) fn compare(workshop: &Workshop, build: Build) -> Result<Row> {
    let Build { go, link, program } = build;
    let what = || format!("{} with go {}, {}", program.name, go.number(), link.name());
    let started = Instant::now();
    let twins = workshop.build(build).with_context(what)?;
    let functions = functions(&twins.plain, program.stride).with_context(what)?;
    let pcs = write_pcs(&functions, twins.directory.path())?;
    let mut sources = Sources {
        ours: Answers::start(&mut symbols(&twins.plain)?, &pcs)?,
        stripped: Answers::start(&mut symbols(&twins.stripped)?, &pcs)?,
        addr2line: Answers::start(&mut addr2line(build, &twins.plain)?, &pcs)?,
        dwarf: Answers::start(&mut llvm_symbolizer(&twins.plain), &pcs)?,
    };
    let mut tally = Tally::new(build.go.minor());
    for function in &functions {
        tally.function(function, &mut sources).with_context(what)?;
    }
    sources.finish().with_context(what)?;
    tally.judge().with_context(what)?;
    Ok(Row {
        build,
        stripped: fs::metadata(&twins.stripped)?.len(),
        functions: functions.len(),
        pcs: tally.pcs,
        inlined: tally.inlined,
        explained: tally.explained,
        seconds: started.elapsed().as_secs_f64(),
    })
}

fn write_pcs(functions: &[Function], directory: &Path) -> Result<PathBuf> {
    let mut text = String::new();
    for pc in functions.iter().flat_map(|function| &function.pcs) {
        // All three read it so.
        writeln!(text, "0x{pc:x}")?;
    }
    let path = directory.join("pcs");
    fs::write(&path, text)?;
    Ok(path)
}

fn symbols(file: &Path) -> Result<Command> {
    let mut command = Command::new(tracer_binary()?);
    command.arg("symbols").arg(file).args(["-", "--json"]);
    Ok(command)
}

/// Prints the outermost function, and the line of the innermost.
fn addr2line(build: Build, file: &Path) -> Result<Command> {
    let blind = build.link.is_pie() && build.go.minor() < READS_PIE.minor();
    let go = if blind { READS_PIE } else { build.go };
    let mut command = go.command()?;
    command.args(["tool", "addr2line"]).arg(file);
    Ok(command)
}

fn llvm_symbolizer(file: &Path) -> Command {
    let mut command = Command::new("llvm-symbolizer-22");
    command.arg("--obj").arg(file);
    command
}

/// The tools at work, all at the same pc.
struct Sources {
    ours: Answers,
    stripped: Answers,
    addr2line: Answers,
    dwarf: Answers,
}

impl Sources {
    fn finish(self) -> Result<()> {
        let Self {
            ours,
            stripped,
            addr2line,
            dwarf,
        } = self;
        for answers in [ours, stripped, addr2line, dwarf] {
            answers.finish()?;
        }
        Ok(())
    }
}

/// What the comparison has found so far.
struct Tally {
    minor: u32,
    pcs: usize,
    inlined: usize,
    explained: Vec<usize>,
    unexplained: Vec<String>,
    /// The answers at the last pc: mostly the same as at this one.
    last: Last,
}

#[derive(Default)]
struct Last {
    ours: String,
    addr2line: String,
    dwarf: String,
    verdict: Verdict,
}

/// What came out at a pc.
#[derive(Clone, Copy, Default)]
struct Verdict {
    inlined: bool,
    explained: Option<usize>,
}

impl Tally {
    fn new(minor: u32) -> Self {
        Self {
            minor,
            pcs: 0,
            inlined: 0,
            explained: vec![0; EXPLAINED.len()],
            unexplained: Vec::new(),
            last: Last::default(),
        }
    }

    fn function(&mut self, function: &Function, sources: &mut Sources) -> Result<()> {
        let name = canonical(&function.name);
        let mut entry = None;
        let mut row_before = Place::default();
        self.last = Last::default();
        for &pc in &function.pcs {
            let ours = sources.ours.json(pc)?;
            let stripped = sources.stripped.json(pc)?;
            ensure!(ours == stripped, "{pc:#x}: {ours} stripped {stripped}");
            let addr2line = sources.addr2line.pair()?;
            let dwarf = sources.dwarf.block()?;
            self.pcs += 1;
            if ours == self.last.ours
                && addr2line == self.last.addr2line
                && dwarf == self.last.dwarf
            {
                self.count(self.last.verdict);
                continue;
            }
            let frames = from_json(ours)?;
            let Some((inner, outer)) = frames.first().zip(frames.last()) else {
                bail!("{pc:#x}: nothing, {name} by symbol table");
            };
            let outer_name = canonical(&outer.function);
            ensure!(
                outer_name == name,
                "{pc:#x}: {outer:?}, {name} by symbol table"
            );
            let expected = format!(
                "{}\n{}:{}\n",
                outer.function, inner.place.file, inner.place.line
            );
            ensure!(
                addr2line == expected,
                "{pc:#x}: {expected:?}, addr2line {addr2line:?}"
            );
            let entry = entry.get_or_insert_with(|| inner.place.clone());
            let by_dwarf = from_block(dwarf);
            let verdict = Verdict {
                inlined: frames.len() > 1,
                explained: None,
            };
            self.last = Last {
                ours: ours.to_owned(),
                addr2line: addr2line.to_owned(),
                dwarf: dwarf.to_owned(),
                verdict,
            };
            let ours: Vec<Frame> = frames
                .iter()
                .map(|frame| Frame {
                    function: canonical(&frame.function),
                    ..frame.clone()
                })
                .collect();
            if ours != by_dwarf {
                let case = Case {
                    minor: self.minor,
                    ours: &ours,
                    dwarf: &by_dwarf,
                    row_before: &row_before,
                    entry,
                };
                self.last.verdict.explained = explain(&case);
                if self.last.verdict.explained.is_none() {
                    self.unexplained.push(format!("{pc:#x} {case}"));
                }
            }
            self.count(self.last.verdict);
            if let Some(row) = by_dwarf.first().filter(|row| !row.place.file.is_empty()) {
                row_before = row.place.clone();
            }
        }
        Ok(())
    }

    fn count(&mut self, verdict: Verdict) {
        self.inlined += usize::from(verdict.inlined);
        if let Some(index) = verdict.explained {
            self.explained[index] += 1;
        }
    }

    /// Nothing may be unexplained, and no explanation may be needed too often.
    fn judge(&self) -> Result<()> {
        let count = self.unexplained.len();
        let shown = self.unexplained.iter().take(SHOWN);
        let examples: Vec<&str> = shown.map(String::as_str).collect();
        ensure!(count == 0, "{count} differences:\n{}", examples.join("\n"));
        for (explanation, count) in EXPLAINED.iter().zip(&self.explained) {
            let bound = (explanation.at_most * self.pcs).div_ceil(100_000);
            ensure!(
                *count <= bound,
                "{count} {}: more than {bound}",
                explanation.name
            );
        }
        Ok(())
    }
}
