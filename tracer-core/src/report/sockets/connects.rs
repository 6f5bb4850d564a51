//! What became of the connections that an origin has asked for.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::Errno;
use crate::ledger::descriptors::Connects;
use crate::process::Process;

/// Calls of `connect` by what became of them.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ConnectCounts {
    /// There was a connection.
    pub made: u64,
    /// There was none, by the name of the error.
    pub failed: BTreeMap<String, u64>,
    /// No answer yet.
    pub in_progress: u64,
    /// Closed before there was an answer, as after a timeout.
    pub given_up: u64,
}

/// Errors of `connect(2)`, and those that `SO_ERROR` tells later.
const ERRORS: &[(u32, &str)] = &[
    (0, "other"),
    (1, "EPERM"),
    (2, "ENOENT"),
    (11, "EAGAIN"),
    (13, "EACCES"),
    (22, "EINVAL"),
    (32, "EPIPE"),
    (91, "EPROTOTYPE"),
    (97, "EAFNOSUPPORT"),
    (98, "EADDRINUSE"),
    (99, "EADDRNOTAVAIL"),
    (100, "ENETDOWN"),
    (101, "ENETUNREACH"),
    (103, "ECONNABORTED"),
    (104, "ECONNRESET"),
    (105, "ENOBUFS"),
    (110, "ETIMEDOUT"),
    (111, "ECONNREFUSED"),
    (112, "EHOSTDOWN"),
    (113, "EHOSTUNREACH"),
];

impl ConnectCounts {
    /// `None` where none was asked for, or it was not recorded what became of them.
    pub(super) fn of(connects: &Connects, process: &Process) -> Option<Self> {
        let Connects {
            made,
            failed,
            in_progress,
            given_up,
        } = connects;
        let undecided = in_progress + given_up;
        let is_known = undecided == 0 || process.facts().sees_answers;
        let is_any = undecided + made > 0 || !failed.is_empty();
        let name = |(errno, times): (&Errno, &u64)| {
            let known = ERRORS.iter().find(|(number, _)| *number == errno.0);
            let name = known.map_or_else(
                || format!("error {}", errno.0),
                |(_, name)| (*name).to_owned(),
            );
            (name, *times)
        };
        (is_known && is_any).then(|| Self {
            made: *made,
            failed: failed.iter().map(name).collect(),
            in_progress: *in_progress,
            given_up: *given_up,
        })
    }

    /// In words, where not all were made.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let Self {
            made,
            failed,
            in_progress,
            given_up,
        } = self;
        let mut parts: Vec<String> = failed
            .iter()
            .map(|(error, times)| format!("{times} failed with {error}"))
            .collect();
        if *in_progress > 0 {
            parts.push(format!("{in_progress} in progress"));
        }
        if *given_up > 0 {
            parts.push(format!("{given_up} closed without an answer"));
        }
        let all_made = parts.is_empty();
        (!all_made).then(|| format!("connects: {made} made, {}", parts.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventKind, ProcessFacts, Timestamp};

    #[track_caller]
    fn check(sees_answers: bool, counts: (u64, &[u32], u64, u64), expected: Option<&str>) {
        let mut process = Process::default();
        let facts = ProcessFacts {
            sees_answers,
            ..ProcessFacts::default()
        };
        process.apply(Timestamp(0), &EventKind::Process(Box::new(facts)));
        let (made, failed, in_progress, given_up) = counts;
        let connects = Connects {
            made,
            failed: failed.iter().map(|error| (Errno(*error), 2)).collect(),
            in_progress,
            given_up,
        };
        let words = ConnectCounts::of(&connects, &process).and_then(|counts| counts.words());
        assert_eq!(words.as_deref(), expected);
    }

    #[test]
    fn words() {
        check(true, (3, &[], 0, 0), None);
        check(true, (0, &[], 0, 0), None);
        let all = "connects: 3 made, 2 failed with ECONNREFUSED, 2 failed with error 4000, \
                   1 in progress, 4 closed without an answer";
        check(true, (3, &[111, 4000], 1, 4), Some(all));
        check(
            true,
            (0, &[], 0, 1),
            Some("connects: 0 made, 1 closed without an answer"),
        );
    }

    #[test]
    fn recordings_from_before_answers_were_seen_say_what_they_know() {
        check(false, (3, &[111], 0, 4), None);
        check(
            false,
            (3, &[111], 0, 0),
            Some("connects: 3 made, 2 failed with ECONNREFUSED"),
        );
    }
}
