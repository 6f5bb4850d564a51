//! Which findings are effects of another one, and how much of them it explains.

use super::verdict::{Status, VerdictLine};
use crate::event::GoCounters;
use crate::ledger::per_socket::PerSocket;
use crate::ledger::trend::Trend;
use crate::process::Process;

/// Causes, and what they have for effects: the goroutines and buffers of a client are its own, and
/// what stays of closed connections is in the heap.
const CAUSES: &[(&str, &[&str])] = &[
    (CLIENT, &[GOROUTINES, HEAP]),
    ("retained-after-close", &[HEAP]),
];
const CLIENT: &str = "client-per-request";
const GOROUTINES: &str = "goroutine-leak";
const HEAP: &str = "heap-growth";

/// Ties effects to their causes, among what was found.
pub(super) fn tie(verdicts: &mut [VerdictLine], process: &Process) {
    let is_found = |verdicts: &[VerdictLine], rule: &str| {
        let mut verdicts = verdicts.iter();
        verdicts.any(|verdict| verdict.rule == rule && verdict.status == Status::Found)
    };
    for (cause, effects) in CAUSES {
        if !is_found(verdicts, cause) {
            continue;
        }
        let effects: Vec<&'static str> = effects
            .iter()
            .copied()
            .filter(|effect| is_found(verdicts, effect))
            .collect();
        for verdict in &mut *verdicts {
            if verdict.rule == *cause {
                verdict.explains.clone_from(&effects);
            } else if effects.contains(&verdict.rule) && verdict.explained_by.is_none() {
                verdict.explained_by = Some(cause);
                verdict.explained_share = share(process, cause, verdict.rule);
            }
        }
    }
}

/// How much of what grew goes with the connections that clients keep open.
fn share(process: &Process, cause: &str, effect: &str) -> Option<f64> {
    let (go, each) = (process.go(), process.per_socket());
    match (cause, effect) {
        (CLIENT, GOROUTINES) => {
            let goroutines = |now: &GoCounters| Some(now.goroutines);
            part(&each.goroutines()?, &go.counters().trend(goroutines)?)
        }
        (CLIENT, HEAP) => part(
            &each.live()?,
            &go.after_gc().trend(|after| Some(after.live))?,
        ),
        _ => None,
    }
}

/// What the sockets that came account for, of a growth over the same readings.
fn part(each: &PerSocket, growth: &Trend) -> Option<f64> {
    let came = each.sockets.1.saturating_sub(each.sockets.0);
    let grown = growth.growth();
    (grown > 0).then(|| (each.value * came as f64 / grown as f64).clamp(0.0, 1.0))
}
