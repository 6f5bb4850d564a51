//! Which findings are effects of another one, and how much of them it explains.

use super::verdict::{Status, VerdictLine};
use crate::event::GoCounters;
use crate::ledger::per_socket::PerSocket;
use crate::ledger::trend::Trend;
use crate::process::Process;

/// Causes, and what they have for effects: the goroutines and buffers of a client are its own, what
/// stays of closed connections is in the heap, and a handler that never ends closes nothing.
const CAUSES: &[(&str, &[&str])] = &[
    (CLIENT, &[GOROUTINES, HEAP]),
    ("retained-after-close", &[HEAP]),
    (GOROUTINES, &[SOCKETS]),
];
const CLIENT: &str = "client-per-request";
const GOROUTINES: &str = "goroutine-leak";
const HEAP: &str = "heap-growth";
const SOCKETS: &str = "socket-leak";

/// Ties effects to their causes, among what was found, and puts these behind those.
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
            .filter(|effect| *effect != SOCKETS || each_has_a_goroutine(process))
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
    let is_effect = |verdict: &VerdictLine| verdict.explained_by.is_some();
    verdicts.sort_by_key(|verdict| {
        (
            verdict.status != Status::Found,
            !verdict.leak,
            is_effect(verdict),
        )
    });
}

/// Whether goroutines become more with the sockets, one for each or more: a socket-leak with clients
/// is another rule's, so these are of handlers.
fn each_has_a_goroutine(process: &Process) -> bool {
    let each = process.goroutines_per_socket();
    each.is_some_and(|each| each.value >= LEAST_EACH)
}

/// Some handlers end all the same.
const LEAST_EACH: f64 = 0.5;

/// How much of what grew goes with the connections that clients keep open.
fn share(process: &Process, cause: &str, effect: &str) -> Option<f64> {
    let go = process.go();
    match (cause, effect) {
        (CLIENT, GOROUTINES) => {
            let goroutines = |now: &GoCounters| Some(now.goroutines);
            part(
                &process.goroutines_per_socket()?,
                &go.counters().trend(goroutines)?,
            )
        }
        (CLIENT, HEAP) => part(
            &process.live_per_socket()?,
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
