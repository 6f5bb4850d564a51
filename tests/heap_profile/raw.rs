//! Heap profiles as Go's own reader of them prints them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use tracer_tests::GoVersion;

/// The last release that ships `pprof` built.
const READER: GoVersion = GoVersion::GO_1_22;

/// One record: its stack, innermost first, and the size of its objects.
pub(crate) type Record = (Vec<String>, u64);

/// What `go tool pprof -raw` says of a profile.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    /// The lines before the samples: period, sample types.
    pub(crate) head: Vec<String>,
    /// Numbers by record, sorted where there are several: addresses are not told apart.
    pub(crate) records: BTreeMap<Record, Vec<[i64; 4]>>,
}

impl Raw {
    pub(crate) fn read(profile: &Path) -> Result<Self> {
        let text = pprof(&["-raw"], profile)?;
        Self::parse(&text).with_context(|| format!("in {text}"))
    }

    /// What changed from one profile to another, as the reader subtracts them.
    pub(crate) fn since(before: &Path, now: &Path) -> Result<Self> {
        let before = before.to_str().context("a path in UTF-8")?;
        let text = pprof(&["-raw", "-base", before], now)?;
        Self::parse(&text).with_context(|| format!("in {text}"))
    }

    /// Leaves out what was allocated by functions whose names begin so.
    pub(crate) fn forget(&mut self, begin: &str) {
        let is_of = |(stack, _): &Record| stack.iter().any(|call| call.starts_with(begin));
        self.records.retain(|record, _| !is_of(record));
    }

    /// Drops the records of the runtime itself, which has its own time: no other code called it.
    pub(crate) fn forget_the_runtimes(&mut self) {
        let is_own = |(stack, _): &Record| stack.iter().all(|call| call.starts_with("runtime."));
        self.records.retain(|record, _| !is_own(record));
    }

    /// Leaves sizes out: stacks alone tell records apart.
    pub(crate) fn forget_sizes(&mut self) {
        for ((stack, _), values) in std::mem::take(&mut self.records) {
            let record = self.records.entry((stack, 0)).or_default();
            record.extend(values);
            record.sort_unstable();
        }
    }

    /// Leaves out what generic functions were instantiated with, as readers show them, and traces.
    pub(crate) fn forget_type_arguments(&mut self) {
        let plain = |call: String| match (call.find('['), call.rfind(']')) {
            (Some(start), Some(end)) => format!("{}[...]{}", &call[..start], &call[end + 1..]),
            _ => call,
        };
        for ((stack, size), values) in std::mem::take(&mut self.records) {
            let stack = stack.into_iter().map(plain).collect();
            let record = self.records.entry((stack, size)).or_default();
            record.extend(values);
            record.sort_unstable();
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let (head, rest) = text.split_once("Samples:\n").context("no samples")?;
        let (samples, rest) = rest.split_once("Locations\n").context("no locations")?;
        let (locations, _) = rest.split_once("Mappings\n").context("no mappings")?;
        let locations = places(locations)?;
        let mut lines = samples.lines();
        let types = lines.next().context("no sample types")?;
        let mut raw = Self::default();
        // When it was taken, and how it was asked for, may differ.
        let same = |line: &&str| line.starts_with("Period");
        raw.head
            .extend(head.lines().filter(same).map(str::to_owned));
        raw.head.push(types.replace("[dflt]", ""));
        let mut lines = lines.peekable();
        while let Some(line) = lines.next() {
            let (values, ids) = line.split_once(':').context("no values")?;
            let values: Vec<i64> = values
                .split_whitespace()
                .map(str::parse)
                .collect::<Result<_, _>>()?;
            let mut stack = Vec::new();
            for id in ids.split_whitespace() {
                let calls = locations
                    .get(id)
                    .with_context(|| format!("no location {id}"))?;
                stack.extend(calls.iter().cloned());
            }
            let label = lines.next_if(|line| line.trim_start().starts_with("bytes:["));
            let size = label.map_or(Ok(0), |label| {
                let digits = label.trim_matches(|c: char| !c.is_ascii_digit());
                digits.parse()
            })?;
            let values = values.try_into().ok().context("not four values")?;
            raw.records.entry((stack, size)).or_default().push(values);
        }
        for values in raw.records.values_mut() {
            values.sort_unstable();
        }
        ensure!(!raw.records.is_empty(), "no records");
        Ok(raw)
    }
}

/// The calls at each location, innermost first: function, file and line.
fn places(text: &str) -> Result<HashMap<String, Vec<String>>> {
    let mut places: HashMap<String, Vec<String>> = HashMap::new();
    let mut current = String::new();
    for line in text.lines() {
        let mut call = line.trim();
        if let Some((id, rest)) = call.split_once(": 0x") {
            id.clone_into(&mut current);
            places.insert(current.clone(), Vec::new());
            let mut words = rest.splitn(3, ' ');
            let _address = words.next();
            let mapping = words.next().unwrap_or_default();
            ensure!(mapping.starts_with("M="), "no mapping: {line}");
            call = words.next().unwrap_or_default().trim();
        }
        // Of later releases only: where the function starts.
        let call = call.rsplit_once(" s=").map_or(call, |(call, _)| call);
        // Columns, which Go does not have.
        let call = call.strip_suffix(":0").unwrap_or(call);
        let calls = places
            .get_mut(&current)
            .context("a call without location")?;
        calls.push(without_file_of_init(call));
    }
    Ok(places)
}

/// Go writes one file for each name of a function, that of the first call: one function sets the variables
/// of a package, with lines of all its files.
fn without_file_of_init(call: &str) -> String {
    match call.split_once(".init ") {
        Some((package, place)) if is_package(package) => {
            let line = place.rsplit(':').next().unwrap_or_default();
            format!("{package}.init :{line}")
        }
        _ => call.to_owned(),
    }
}

/// Whether it is no type, whose method may be called `init` as well.
fn is_package(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    !name.contains(['.', ' '])
}

/// Runs `go tool pprof ARGS PROFILE`, which fails when it cannot read the file.
pub(crate) fn pprof(args: &[&str], profile: &Path) -> Result<String> {
    let output = READER
        .command()?
        .args(["tool", "pprof", "-symbolize=none"])
        .args(args)
        .arg(profile)
        .output()
        .context("run go tool pprof")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "go tool pprof: {said}");
    Ok(String::from_utf8(output.stdout)?)
}
