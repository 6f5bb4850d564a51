//! Calls and page faults of the runtime: on the system stack, or in its own code on the
//! goroutine's.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use tracer_tests::{GoVersion, list};

use super::recording::{Recording, Stack, address};
use super::references::{Reference, References, index};
use super::session::{Session, VERSIONS};
use super::tally::Tally;

/// Pieces of work by the function that the program's account begins with, and the functions of the
/// program that it calls.
const WORK: [(&str, &[&str]); 9] = [
    ("main.growByLarge", &["main.keep"]),
    ("main.growBySmall", &["main.allocateNodes"]),
    ("main.growStack", &["main.deepen"]),
    ("main.freeMemory", &["main.giveBack"]),
    ("main.touchFresh", &["main.touch"]),
    ("main.copyToFresh", &[]),
    ("main.clearFresh", &["main.zero"]),
    ("main.startGoroutines", &["main.start"]),
    ("main.spinUnderSignals", &["main.spin", "main.turn"]),
];

/// Goroutines and threads of the runtime's own: nothing of the program calls them.
const BACKGROUND: [&str; 5] = [
    "runtime.gcBgMarkWorker",
    "runtime.bgsweep",
    "runtime.bgscavenge",
    "runtime.forcegchelper",
    "runtime.sysmon",
];

type Tallies = BTreeMap<&'static str, Tally>;

/// Inside a piece of work nothing of the program may stand but the functions that it calls, and
/// nothing without a name.
fn inner(work: &str) -> impl Fn(&[&str]) -> bool {
    let own = WORK.iter().find(|(name, _)| *name == work);
    let own = own.map(|(_, own)| *own).unwrap_or_default();
    move |functions| {
        functions.iter().all(|function| {
            own.contains(function) || !function.starts_with("main.") && !function.starts_with("0x")
        })
    }
}

/// Each call that the thread made between the two marks of a piece of work.
fn calls(session: &Session) -> Result<Tallies> {
    let Session {
        recording,
        references,
        said,
    } = session;
    let mut marked = BTreeMap::new();
    for (at, call) in recording.calls.iter().enumerate() {
        if let Some(number) = address(call).and_then(|address| references.number(address)) {
            marked.insert(number, at);
        }
    }
    let mut tallies = Tallies::new();
    for piece in list(&said["system"]) {
        let begin = index(&piece["Begin"])?;
        let mark = |number| marked.get(&number).copied().context("a mark is missing");
        let (from, to) = (mark(begin)?, mark(begin + 2)?);
        let thread = recording.calls[from].tid;
        ensure!(recording.calls[to].tid == thread, "not locked to a thread");
        let reference = &references.marks[begin + 1];
        let tally = tallies.entry(name(&reference.by)?).or_default();
        for call in &recording.calls[from + 1..to] {
            let stack = recording.stack(call.stack);
            if call.tid == thread && !is_scheduling(&stack) {
                tally.compare(1, &stack, reference, inner(&reference.by));
            }
        }
    }
    Ok(tallies)
}

/// The thread may be looking for other work: then nothing of the program is on its stack.
fn is_scheduling(stack: &Stack) -> bool {
    stack
        .functions()
        .any(|function| function == "runtime.schedule")
        && !stack
            .functions()
            .any(|function| function.starts_with("main."))
}

/// The faults under each piece of work, against all references of its kind.
fn faults(
    recording: &Recording,
    references: &References,
    wanted: impl Fn(&Stack) -> bool,
) -> Result<Tallies> {
    let mut tallies = Tallies::new();
    for fault in &recording.faults {
        let stack = recording.stack(fault.stack);
        let work = stack.functions().find_map(|function| name(function).ok());
        let Some(work) = work.filter(|_| wanted(&stack)) else {
            continue;
        };
        let all = references.marks.iter().filter(|mark| mark.by == work);
        let reference = all.max_by_key(|reference| common(&stack, reference));
        let tally = tallies.entry(work).or_default();
        tally.compare(
            fault.count,
            &stack,
            reference.context("no reference")?,
            inner(work),
        );
    }
    Ok(tallies)
}

/// Lines that a stack has in common with a reference.
fn common(stack: &Stack, reference: &Reference) -> usize {
    let at = stack.position(&reference.by).unwrap_or(stack.lines.len());
    let lines = stack.lines[at..].iter().zip(&reference.lines);
    lines.take_while(|(ours, theirs)| ours == theirs).count()
}

fn name(function: &str) -> Result<&'static str> {
    let mut names = WORK.iter().map(|(name, _)| *name);
    names.find(|name| *name == function).context("unknown work")
}

/// No stack of the runtime's own goroutines has a frame of the program.
fn check_background(go: GoVersion, recording: &Recording) -> Result<()> {
    let of_calls = recording.calls.iter().map(|call| (call.stack, 1));
    let of_faults = recording
        .faults
        .iter()
        .map(|fault| (fault.stack, fault.count));
    let mut seen = 0;
    for (id, count) in of_calls.chain(of_faults) {
        let stack = recording.stack(id);
        if stack
            .functions()
            .any(|function| BACKGROUND.contains(&function))
        {
            seen += count;
            let foreign = stack
                .functions()
                .find(|function| function.starts_with("main."));
            ensure!(foreign.is_none(), "go {}: {:?}", go.number(), stack.lines);
        }
    }
    ensure!(seen > 0, "nothing of the background was seen");
    Ok(())
}

/// Pieces of work that the kernel is asked for, and those whose memory is touched first.
#[track_caller]
fn check(go: GoVersion) -> Result<()> {
    let session = Session::run("stacks", go, &[], &["-system"])?;
    let mut sum = Tally::default();
    for (work, tally) in calls(&session)? {
        tally.check(go, &format!("calls {work}"), 0)?;
        sum.add(tally);
    }
    sum.check(go, "calls of the runtime", 500)?;
    let mut sum = Tally::default();
    for (work, tally) in faults(&session.recording, &session.references, |_| true)? {
        tally.check(go, &format!("faults {work}"), 1)?;
        sum.add(tally);
    }
    sum.check(go, "faults", 10_000)?;
    check_background(go, &session.recording)
}

#[test]
fn stacks_of_the_runtime_end_in_the_callers_of_the_program() -> Result<()> {
    VERSIONS.into_iter().try_for_each(check)
}

/// What a signal handler touches first, against the stack that it interrupts.
#[track_caller]
fn check_signals(go: GoVersion) -> Result<()> {
    let session = Session::run("stacks", go, &[], &["-signals"])?;
    let mut tallies = faults(&session.recording, &session.references, |stack| {
        stack
            .functions()
            .any(|function| function == "runtime.sighandler")
    })?;
    let tally = tallies.remove("main.spinUnderSignals").unwrap_or_default();
    tally.check(go, "faults of a handler", 5)
}

#[test]
fn stacks_of_signal_handlers_end_in_the_interrupted_function() -> Result<()> {
    VERSIONS.into_iter().try_for_each(check_signals)
}
