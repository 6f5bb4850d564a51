//! What must have been seen before a rule may judge.

use super::threshold::Threshold;
use crate::process::Process;

/// Kernel events that may be lost before counts of opened and closed prove nothing.
const MOST_LOST: Threshold = Threshold::new(0.01);
/// Of the time, so much may pass unseen before it proves nothing how something moved.
const MOST_UNSEEN: Threshold = Threshold::new(0.1);

/// What a rule rests on, apart from the readings it asks for itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    /// Time in which the process ran and was watched: how something moves is told by it.
    Time,
    /// The calls that open and close sockets.
    Sockets,
}

/// Which of the needs is not met, in words.
pub(super) fn missing(process: &Process, needs: &[Need]) -> Option<String> {
    needs.iter().find_map(|need| match need {
        Need::Time => unseen(process),
        Need::Sockets => unsure_of_sockets(process),
    })
}

/// That so much of the time was unseen that it proves nothing how something moved.
pub(crate) fn unseen(process: &Process) -> Option<String> {
    let (standstill, now) = (process.standstill(), process.last_at());
    if standstill.went_back() {
        return Some(
            "the clock went back while watching, so that how fast something moved is not known"
                .to_owned(),
        );
    }
    let seconds = process.seconds();
    let (unwatched, paused) = (standstill.unwatched(now), standstill.paused(now));
    let most = MOST_UNSEEN.get() * seconds;
    if unwatched > most {
        return Some(format!(
            "nobody looked for {unwatched:.0} of {seconds:.0} s: the tracer stood still, or the clock \
             jumped. How something moved is not known"
        ));
    }
    (paused > most).then(|| {
        format!(
            "the process was stopped for {paused:.0} of {seconds:.0} s, by a signal, a debugger or the \
             freezer of its cgroup: watch it while it runs"
        )
    })
}

/// That sockets were not counted, or that too many of their calls were lost.
pub(super) fn unsure_of_sockets(process: &Process) -> Option<String> {
    const KINDS: [&str; 5] = ["socket", "accept", "accept4", "close", "dup3"];
    if process.sockets().seen() == 0 {
        return Some("the open sockets were not counted".to_owned());
    }
    let kinds = process
        .loss()
        .iter()
        .filter(|kind| KINDS.contains(&kind.kind.as_str()));
    let (expected, lost) = kinds.fold((0_u64, 0_u64), |(expected, lost), kind| {
        (
            expected.saturating_add(kind.expected),
            lost.saturating_add(kind.lost),
        )
    });
    (lost as f64 > MOST_LOST.get() * expected as f64).then(|| {
        format!(
            "{lost} of {expected} calls that open and close sockets were lost, so that the counts of \
             sockets prove nothing"
        )
    })
}
