//! Sockets that stay open, told by the lines that opened them: what two rules rest on.

use super::Verdict;
use super::growth::{Growth, how_much_longer};
use super::missing::unsure_of_sockets;
use super::threshold::Threshold;
use super::words::{clear, unsure};
use crate::process::{Process, SocketReading};
use crate::report::{Origin, SocketOrigin, Sockets};

/// Fewer are a pool that begins to fill.
const LEAST_OPEN: Threshold = Threshold::new(8.0);
/// A pool of usual size is full by then, or after [`POOL_SECONDS`] of any load that fills it.
const POOL_OPEN: Threshold = Threshold::new(100.0);
/// See [`POOL_OPEN`].
pub(super) const POOL_SECONDS: Threshold = Threshold::new(30.0);
/// More of those opened are closed where somebody does close them.
const MOST_CLOSED: Threshold = Threshold::new(0.1);
/// The goroutines that a client keeps for a connection, at the least: a reader.
const LEAST_GOROUTINES: Threshold = Threshold::new(0.5);
/// Live heap that the buffers of a client take, at the least: plain HTTP clients take 24 KiB, gRPC 80.
const LEAST_BYTES: Threshold = Threshold::new(8.0 * 1024.0);
/// Of the sockets of a line, so many must wait for a close to say that their peers have left.
const LEFT: Threshold = Threshold::new(0.5);
/// Of the sockets that stay, so many must have been accepted to explain what grows.
const ARRIVALS: Threshold = Threshold::new(0.5);

/// Why [`Company::Unknown`].
pub(super) const UNKNOWN_COMPANY: &str =
    "connections stay open, but too few readings tell what else grows with them";

/// The origins of sockets that stay open, and of others.
pub(super) struct Kept {
    pub(super) sockets: Sockets,
    /// Those whose sockets are not closed.
    pub(super) sick: Vec<SocketOrigin>,
    /// Those that close what they open.
    pub(super) good: Vec<SocketOrigin>,
}

/// Sockets that were not accepted and stay open in growing numbers; else the verdict.
pub(super) fn kept(process: &Process) -> Result<Kept, Verdict> {
    let Some(sockets) = Sockets::on(process) else {
        return Err(unsure("the sockets of the process were not seen"));
    };
    let first = process.sockets().first().map_or(0, |first| first.open);
    let seconds = match open(process) {
        Growth::TooEarly { readings, seconds } => {
            return Err(unsure(how_much_longer(readings, seconds, "reading")));
        }
        Growth::Flat(trend) | Growth::Levelled(trend) => {
            return Err(clear(format!(
                "open sockets went from {first} to {} in {:.0} s",
                trend.last, trend.seconds
            )));
        }
        Growth::Slowing(trend) => {
            return Err(unsure(format!(
                "open sockets went from {first} to {}, but slower in the second half: a pool that \
                 fills does that too. Watch until it stops, or goes on",
                trend.last
            )));
        }
        Growth::Steady(trend) => trend.seconds,
    };
    // Of those accepted only the peer knows whether it needs them, until it has left.
    let of_kind = |origin: &&SocketOrigin| origin.accepted == Some(false) || is_left(origin);
    let stays = |origin: &SocketOrigin| {
        let most_closed = MOST_CLOSED.get() * origin.opened as f64;
        origin.open as f64 >= LEAST_OPEN.get() && origin.closed as f64 <= most_closed
    };
    let (sick, good): (Vec<_>, Vec<_>) = sockets
        .origins
        .iter()
        .filter(of_kind)
        .cloned()
        .partition(stays);
    if sick.is_empty() {
        return Err(clear(
            "open sockets rise, but no line keeps open nine tenths of those it opens",
        ));
    }
    let open: u64 = sick.iter().map(|origin| origin.open).sum();
    let pool_seconds = POOL_SECONDS.get();
    if (open as f64) < POOL_OPEN.get() && seconds < pool_seconds {
        return Err(unsure(format!(
            "{open} sockets stay open, which may still be a pool that fills: watch for {:.0} s more",
            (pool_seconds - seconds).ceil()
        )));
    }
    Ok(Kept {
        sockets,
        sick,
        good,
    })
}

/// What grows with the sockets that stay.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Company {
    /// Goroutines or live heap: each belongs to a client.
    Client,
    /// Neither.
    Nothing,
    /// Too few readings tell.
    Unknown,
}

impl Kept {
    /// What grows with the sockets that were dialled.
    pub(super) fn company(&self) -> Company {
        let each = &self.sockets.per_open;
        let (goroutines, heap) = (each.goroutines.as_ref(), each.live_heap_bytes.as_ref());
        let is_accepted = |origin: &SocketOrigin| origin.accepted == Some(true);
        if self.sick.iter().all(is_accepted) {
            Company::Nothing
        } else if goroutines.is_some_and(|each| each.value >= LEAST_GOROUTINES.get())
            || heap.is_some_and(|each| each.value >= LEAST_BYTES.get())
        {
            Company::Client
        } else if goroutines.is_none() && heap.is_none() {
            Company::Unknown
        } else {
            Company::Nothing
        }
    }
}

/// Open sockets whose peer has closed its side, and the service not its own.
pub(super) fn left(origin: &SocketOrigin) -> u64 {
    let states = origin.states.as_ref();
    let left = states.and_then(|states| states.get("CLOSE_WAIT"));
    left.copied().unwrap_or(0)
}

fn is_left(origin: &SocketOrigin) -> bool {
    origin.open > 0 && left(origin) as f64 >= LEFT.get() * origin.open as f64
}

/// How the number of open sockets moves.
pub(super) fn open(process: &Process) -> Growth {
    let open = |now: &SocketReading| Some(now.open);
    Growth::of_count(process.sockets(), open, LEAST_OPEN.get())
}

/// That users arrive and stay, if they do or if that was not seen: each may need what grows.
pub(super) fn arrivals(process: &Process) -> Option<String> {
    if let Some(missing) = unsure_of_sockets(process) {
        return Some(format!("{missing}: users that arrive and stay may need it"));
    }
    let Growth::Steady(trend) = open(process) else {
        return None;
    };
    let sockets = Sockets::on(process)?;
    let stay = |accepted: Option<bool>| -> u64 {
        let origins = sockets.origins.iter();
        let origins = origins
            .filter(|origin| accepted.is_none() || origin.accepted == accepted && !is_left(origin));
        origins.map(|origin| origin.open).sum()
    };
    let (all, accepted) = (stay(None), stay(Some(true)));
    (accepted as f64 > ARRIVALS.get() * all as f64).then(|| {
        format!(
            "open connections went from {} to {}, most of them accepted: each may need it. Watch \
             while as many leave as arrive",
            trend.first, trend.last
        )
    })
}

/// What a line of the service opened and closed; `None` without such a line.
pub(super) fn opening(origin: &SocketOrigin) -> Option<Origin> {
    Some(Origin {
        line: origin.origin.clone()?,
        opened: Some(origin.opened),
        closed: Some(origin.closed),
        bytes: None,
    })
}

/// `12.3 KiB`.
pub(super) fn kib(bytes: f64) -> String {
    format!("{:.1} KiB", bytes / 1024.0)
}
