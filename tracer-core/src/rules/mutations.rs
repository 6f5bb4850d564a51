//! Every threshold is held by a recording: with twice or half of it, one of `tests/golden` is
//! judged otherwise.
//!
//! A condition without its threshold, always or never true, is further away still: so no piece of
//! evidence can be dropped from a rule without notice either.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs;
use std::panic::Location;
use std::path::Path;

use super::recordings::{Recording, list, recordings};
use crate::process::Process;
use crate::report::{Conclusion, Report, StackFrame, Status};

type Place = Location<'static>;

thread_local! {
    static ASKED: RefCell<BTreeSet<Place>> = const { RefCell::new(BTreeSet::new()) };
    static CHANGED: Cell<Option<(Place, f64)>> = const { Cell::new(None) };
}

/// The parts of a recording that are judged, in seconds, as `tests/golden/windows.txt` has them.
const PARTS: &[(u64, Option<u64>)] = &[(0, Some(6)), (0, Some(12)), (0, Some(20)), (10, None)];

/// What a threshold is while judging.
pub(super) fn asked(place: &Place, value: f64) -> f64 {
    ASKED.with_borrow_mut(|asked| asked.insert(*place));
    match CHANGED.get() {
        Some((changed, factor)) if changed == *place => factor * value,
        _ => value,
    }
}

/// What the golden tests compare: how each rule turned out, and for a whole recording also the
/// lines it names and how much evidence.
#[derive(Debug, PartialEq)]
struct Judgement {
    conclusion: Conclusion,
    rules: Vec<(&'static str, Status)>,
    named: Vec<(Vec<StackFrame>, usize)>,
}

impl Judgement {
    fn of(process: &Process, is_whole: bool) -> Self {
        let report = Report::on(process);
        let verdicts = report.verdicts.iter();
        let rules = verdicts
            .clone()
            .map(|verdict| (verdict.rule, verdict.status));
        let named = verdicts.filter(|_| is_whole).map(|verdict| {
            let origins = verdict.origins.iter();
            let lines = origins.map(|origin| origin.line.clone());
            (lines.collect(), verdict.evidence.len())
        });
        Self {
            conclusion: report.conclusion,
            rules: rules.collect(),
            named: named.collect(),
        }
    }
}

struct Case {
    process: Process,
    is_whole: bool,
    judgement: Judgement,
    asked: BTreeSet<Place>,
}

impl Case {
    fn new(process: Process, is_whole: bool) -> Self {
        ASKED.take();
        Self {
            judgement: Judgement::of(&process, is_whole),
            process,
            is_whole,
            asked: ASKED.take(),
        }
    }

    /// Whether it is judged otherwise when something is changed.
    fn notices(&self, changed: &Place) -> bool {
        let asks = self.asked.contains(changed);
        asks && Judgement::of(&self.process, self.is_whole) != self.judgement
    }
}

#[test]
fn each_threshold_is_held_by_a_recording() {
    let cases: Vec<Case> = recordings().iter().flat_map(cases).collect();
    let asked: BTreeSet<Place> = cases.iter().flat_map(|case| case.asked.clone()).collect();
    let mut loose = Vec::new();
    for place in &asked {
        for factor in [0.5, 2.0] {
            CHANGED.set(Some((*place, factor)));
            if !cases.iter().any(|case| case.notices(place)) {
                loose.push(format!("{}:{} times {factor}", place.file(), place.line()));
            }
        }
    }
    CHANGED.set(None);
    let asked: BTreeSet<(String, u32)> = asked
        .iter()
        .map(|place| (file_name(Path::new(place.file())), place.line()))
        .collect();
    for (file, line) in set() {
        if !asked.contains(&(file.clone(), line)) {
            loose.push(format!("{file}:{line}: never asked for"));
        }
    }
    assert!(
        loose.is_empty(),
        "no recording notices:\n{}",
        loose.join("\n")
    );
}

/// The whole, its parts, and a recording that is not complete.
fn cases(recording: &Recording) -> Vec<Case> {
    let mut cases = vec![Case::new(recording.replayed(0, None), true)];
    for (from, to) in PARTS {
        cases.push(Case::new(recording.replayed(*from, *to), false));
    }
    if recording.name == SPOILED {
        for share in [0.0075, 0.015] {
            cases.push(Case::new(recording.lossy(share).replayed(0, None), false));
        }
        for share in [0.075, 0.15] {
            cases.push(Case::new(recording.paused(share).replayed(0, None), false));
        }
    }
    cases
}

/// The recording that is spoiled a little; `bad_input` says how such ones are judged.
const SPOILED: &str = "rules/socket-leak.found";

/// Where thresholds are set: file and line.
fn set() -> BTreeSet<(String, u32)> {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules");
    let mut set = BTreeSet::new();
    for file in list(&rules).iter().filter(|file| file.is_file()) {
        let text = fs::read_to_string(file).unwrap();
        for (line, number) in text.lines().zip(1..) {
            if line.contains("Threshold::new(") && line.ends_with(");") {
                set.insert((file_name(file), number));
            }
        }
    }
    set
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}
