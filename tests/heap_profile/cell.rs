//! One program, linked in one way, by one release.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tracer_tests::{Flag, GoVersion, Program, Running, run};

use super::raw::{Raw, pprof};

const SOON: Duration = Duration::from_mins(1);

/// Records that the program has, at the least: each of its sites once.
const RECORDS: usize = 40;

/// Looks at a program of which nothing is published, and so nothing holds still.
const ATTEMPTS: u32 = 3;

/// How a program is built and run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    go: GoVersion,
    flags: &'static [Flag],
    collects: bool,
}

impl Cell {
    pub(crate) fn of(go: GoVersion, flags: &'static [Flag]) -> Self {
        Self {
            go,
            flags,
            collects: true,
        }
    }

    /// Without a collection nothing is published: all there is counts.
    pub(crate) fn before_any_collection(self) -> Self {
        Self {
            collects: false,
            ..self
        }
    }

    /// Compares what `tracer heap` writes with what the program writes.
    pub(crate) fn check(self) -> Result<()> {
        // Without a collection whatever the runtime allocates between the two profiles counts at once.
        let attempts = if self.collects { 1 } else { ATTEMPTS };
        let mut last = self.compare();
        for _ in 1..attempts {
            if last.is_ok() {
                break;
            }
            last = self.compare();
        }
        last.with_context(|| format!("{self:?}"))
    }

    fn compare(self) -> Result<()> {
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name);
        let mut program = self.start(directory.path())?;
        let pid = program.pid().to_string();
        let ours = path("ours.pb.gz");
        let done = run(&[
            "heap".as_ref(),
            "--json".as_ref(),
            "--pid".as_ref(),
            pid.as_ref(),
            "-o".as_ref(),
            ours.as_os_str(),
        ])?;
        ensure!(done.code == Some(0), "tracer heap: {}", done.stderr);
        program.send("write")?;
        program.event("written", SOON)?;
        program.send("exit")?;
        ensure!(
            program.ending(SOON)? == (Some(0), None),
            "it did not end well"
        );

        let (mut ours, mut own) = (Raw::read(&ours)?, Raw::read(&path("own.pb.gz"))?);
        if self.go.minor() == 11 {
            // It takes the size from the estimates.
            ours.forget_sizes();
            own.forget_sizes();
        }
        if !self.collects {
            // What reading the command to write took counts at once, and so does a thread that the
            // runtime starts for it.
            for records in [&mut ours, &mut own] {
                records.forget("programs/control.");
                records.forget("runtime.newm ");
                records.forget_the_runtimes();
            }
        }
        ensure!(ours.head == own.head, "{:?}, not {:?}", ours.head, own.head);
        let off_by_one = same_records(&ours, &own)?;
        let answer: Value = serde_json::from_str(&done.stdout)?;
        same_samples(&answer, &fs::read_to_string(path("own.txt"))?)?;
        let top = pprof(&["-top"], &path("ours.pb.gz"))?;
        ensure!(top.contains("main.large"), "pprof -top: {top}");
        let records = ours.records.values().map(Vec::len).sum::<usize>();
        ensure!(records >= RECORDS, "only {records} records");
        self.print(records, off_by_one);
        Ok(())
    }

    fn start(self, directory: &Path) -> Result<Running> {
        let executable = Program::build("heap_profile", self.go, self.flags)?;
        let mut command = Command::new(executable);
        // Each processor counts down to its next sample by itself.
        command.arg(directory).env("GOMAXPROCS", "1");
        if !self.collects {
            command.arg("without-collection").env("GOGC", "off");
        }
        let program = Running::start(&mut command)?;
        program.event("ready", SOON)?;
        Ok(program)
    }

    /// Past the capture of the test harness.
    fn print(self, records: usize, off_by_one: usize) {
        let Self {
            go,
            flags,
            collects,
        } = self;
        let when = if collects {
            ""
        } else {
            " before any collection"
        };
        let _ = writeln!(
            std::io::stderr(),
            "heap profile: go{} {flags:?}{when}: {records} records, all equal ({off_by_one} numbers rounded the other way)",
            go.number()
        );
    }
}

/// Every record of ours is one of its own, and what it has more came while it wrote.
///
/// Returns how many estimates differ by 1: the two take `exp` from different libraries.
pub(crate) fn same_records(ours: &Raw, own: &Raw) -> Result<usize> {
    let mut off_by_one = 0;
    for (record, values) in &ours.records {
        // A record of zeros is a site whose first samples no collection has published.
        let counted = |values: &[[i64; 4]]| -> Vec<[i64; 4]> {
            values
                .iter()
                .copied()
                .filter(|values| *values != [0; 4])
                .collect()
        };
        let theirs = own.records.get(record).map_or(&[][..], Vec::as_slice);
        let (values, theirs) = (counted(values), counted(theirs));
        ensure!(
            values.len() == theirs.len(),
            "{record:?}: {values:?}, not {theirs:?}"
        );
        for (ours, own) in values.iter().flatten().zip(theirs.iter().flatten()) {
            ensure!(
                ours.abs_diff(*own) <= 1,
                "{record:?}: {values:?}, not {theirs:?}"
            );
            off_by_one += usize::from(ours != own);
        }
    }
    for (record, values) in &own.records {
        let new = values.iter().all(|values| *values == [0; 4])
            || record.0.iter().any(|call| call.starts_with("main.write "));
        ensure!(
            new || ours.records.contains_key(record),
            "missing: {record:?} {values:?}"
        );
    }
    Ok(off_by_one)
}

/// What was sampled, before it is scaled: `live: bytes [allocated: bytes] @ addresses`.
fn same_samples(answer: &Value, own: &str) -> Result<()> {
    let mut counts: BTreeMap<[u64; 4], i64> = BTreeMap::new();
    for line in own.lines().filter(|line| line.contains("] @ 0x")) {
        let numbers = line.split(" @ ").next().unwrap_or_default();
        let numbers: Vec<u64> = numbers
            .split(|c: char| !c.is_ascii_digit())
            .filter(|digits| !digits.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        let numbers = numbers.try_into().ok().context("not four numbers")?;
        *counts.entry(numbers).or_default() += 1;
    }
    ensure!(!counts.is_empty(), "no records in {own}");
    let sites = answer["heap"]["sites"].as_array().context("no sites")?;
    for site in sites {
        let number = |name: &str| site[name].as_u64().context("no number");
        let (allocs, size) = (number("sampled_allocs")?, number("object_bytes")?);
        let live = allocs - number("sampled_frees")?;
        let numbers = [live, live * size, allocs, allocs * size];
        let count = counts.entry(numbers).or_default();
        *count -= 1;
        ensure!(*count >= 0 || allocs == 0, "not in its own: {site}");
    }
    Ok(())
}
