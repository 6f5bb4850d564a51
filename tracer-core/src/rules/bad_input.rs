//! Recordings that are not what they should be: never a confident answer on missing evidence.

use super::recordings::{Recording, recordings};
use crate::event::{Event, EventKind, Timestamp};
use crate::report::{Conclusion, Report, Status, VerdictLine};

/// Rules that count what is opened and closed.
const OF_SOCKETS: &[&str] = &["client-per-request", "retained-after-close", "socket-leak"];
/// What is told without counting sockets: from mappings, and from what the kernel says of them.
const WITHOUT_SOCKETS: &[&str] = &["native-growth", "file-mapping-growth", "lazily-freed"];
/// What is told without the runtime's counters.
const WITHOUT_THE_RUNTIME: &[&str] = &[
    "socket-leak",
    "native-growth",
    "file-mapping-growth",
    "lazily-freed",
    "huge-page-inflation",
    "fragmentation",
];

fn report(recording: &Recording) -> Report {
    Report::on(&recording.replayed(0, None))
}

/// The rule that decided, if one found something.
fn decided(report: &Report) -> &'static str {
    let first = report.verdicts.first();
    first
        .filter(|verdict| verdict.status == Status::Found)
        .map_or("", |verdict| verdict.rule)
}

/// Expects that it cannot be told, because of `why`.
#[track_caller]
fn cannot_tell(recording: &Recording, why: &str) {
    let report = report(recording);
    let told = (&recording.name, &report.why);
    assert_eq!(report.conclusion, Conclusion::CannotTell, "{told:?}");
    let missing = |verdict: &VerdictLine| verdict.missing.clone().unwrap_or_default();
    let said = |verdict: &VerdictLine| missing(verdict).contains(why);
    assert!(report.verdicts.iter().any(said), "{told:?}: not {why:?}");
}

/// Expects the answer of the whole recording still, or none.
#[track_caller]
fn never_wrong(whole: &Report, recording: &Recording, what: &str) {
    let report = report(recording);
    let is_sick = whole.conclusion == Conclusion::Leak;
    let never = if is_sick {
        Conclusion::NoLeak
    } else {
        Conclusion::Leak
    };
    let told = (&recording.name, what, &report.why);
    assert_ne!(report.conclusion, never, "{told:?}");
}

#[test]
fn without_a_kind_of_evidence() {
    type Is = fn(&EventKind) -> bool;
    let kinds: &[(&str, Is)] = &[
        ("memory", |kind| matches!(kind, EventKind::Memory(_))),
        ("details", |kind| matches!(kind, EventKind::MemoryDetail(_))),
        ("residency", |kind| {
            matches!(kind, EventKind::GoResidency(_))
        }),
        ("spans", |kind| matches!(kind, EventKind::GoSpans(_))),
        ("census", |kind| matches!(kind, EventKind::Goroutines(_))),
        ("creations", |kind| matches!(kind, EventKind::Created(_))),
        ("faults", |kind| matches!(kind, EventKind::Faults(_))),
        ("stacks", |kind| matches!(kind, EventKind::Stack(_))),
        ("names", |kind| matches!(kind, EventKind::Symbols(_))),
        ("facts", |kind| matches!(kind, EventKind::Process(_))),
    ];
    for recording in recordings() {
        let whole = report(&recording);
        for (what, is_of) in kinds {
            let without = recording.changed(|event| (!is_of(&event.kind)).then(|| event.clone()));
            never_wrong(&whole, &without, what);
        }
    }
}

#[test]
fn without_the_go_runtime() {
    for recording in recordings() {
        let is_runtime = |event: &Event| matches!(event.kind, EventKind::GoCounters(_));
        let without = recording.changed(|event| (!is_runtime(event)).then(|| event.clone()));
        if !WITHOUT_THE_RUNTIME.contains(&decided(&report(&without))) {
            cannot_tell(&without, "the Go runtime was not read");
        }
    }
}

#[test]
fn without_the_sockets() {
    for recording in recordings() {
        let are_sockets = |event: &Event| {
            let kind = &event.kind;
            matches!(kind, EventKind::Descriptors(_) | EventKind::SocketStates(_))
        };
        let without = recording.changed(|event| (!are_sockets(event)).then(|| event.clone()));
        if !WITHOUT_SOCKETS.contains(&decided(&report(&without))) {
            cannot_tell(&without, "the open sockets were not counted");
        }
    }
}

#[test]
fn with_losses() {
    for recording in recordings() {
        let whole = report(&recording);
        let (few, many) = (recording.lossy(0.004), recording.lossy(0.05));
        assert_eq!(report(&few).conclusion, whole.conclusion, "{}", few.name);
        never_wrong(&whole, &many, "5 % lost");
        never_wrong(&whole, &recording.lossy(1.0), "all lost");
        if OF_SOCKETS.contains(&decided(&whole)) {
            cannot_tell(&many, "calls that open and close sockets were lost");
        }
    }
}

#[test]
fn with_a_clock_that_jumps() {
    for recording in recordings() {
        let middle = recording.moment(0.5);
        let shifted = |by: i64| {
            recording.changed(|event| {
                let at = if event.at < middle {
                    event.at
                } else {
                    Timestamp(event.at.0.saturating_add_signed(by * 1_000_000_000))
                };
                Some(Event {
                    at,
                    ..event.clone()
                })
            })
        };
        cannot_tell(&shifted(3600), "nobody looked for");
        cannot_tell(&shifted(-5), "the clock went back");
    }
}

#[test]
fn with_a_process_that_stands_still() {
    for recording in recordings() {
        let whole = report(&recording);
        cannot_tell(&recording.paused(0.5), "the process was stopped for");
        never_wrong(&whole, &recording.paused(0.08), "stopped at the end");
    }
}

#[test]
fn in_a_look_that_is_too_short() {
    for recording in recordings() {
        let report = Report::on(&recording.replayed(0, Some(6)));
        let told = (&recording.name, &report.why);
        assert_eq!(report.conclusion, Conclusion::CannotTell, "{told:?}");
    }
}
