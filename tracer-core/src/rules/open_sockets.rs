//! Sockets that stay open, told by the lines that opened them: what two rules rest on.

use std::collections::BTreeMap;

use super::Verdict;
use super::growth::{Growth, how_much_longer};
use super::missing::unsure_of_sockets;
use super::threshold::Threshold;
use super::words::{clear, unsure};
use crate::ledger::trend::Point;
use crate::process::{Process, SocketReading};
use crate::report::{Direction, Origin, SocketOrigin, Sockets, Usage, plural};

/// Fewer are a pool that begins to fill.
const LEAST_OPEN: Threshold = Threshold::new(8.0);
/// A pool of usual size is full by then, or after [`POOL_SECONDS`] of any load that fills it.
const POOL_OPEN: Threshold = Threshold::new(100.0);
/// See [`POOL_OPEN`]. Of a look of 30 s so much lies between its first and its last reading, at the least.
pub(super) const POOL_SECONDS: Threshold = Threshold::new(27.0);
/// More of those opened are closed where somebody does close them.
const MOST_CLOSED: Threshold = Threshold::new(0.1);
/// The goroutines that a client keeps for a connection, at the least: a reader.
const LEAST_GOROUTINES: Threshold = Threshold::new(0.5);
/// Live heap that the buffers of a client take, at the least: plain HTTP clients take 24 KiB, gRPC 80.
const LEAST_BYTES: Threshold = Threshold::new(8.0 * 1024.0);
/// Of the sockets of a line, so many must wait for a close to say that their peers have left.
const LEFT: Threshold = Threshold::new(0.5);
/// Of the sockets that stay, so many must have been accepted, or be in use, to explain what grows.
const ARRIVALS: Threshold = Threshold::new(0.5);
/// Of the sockets of a line, so many must still carry bytes to say that they are in use. A pool dials
/// only while all that it has are, so that of one that fills hardly any is silent.
const IN_USE: Threshold = Threshold::new(0.5);

/// Why [`Company::Unknown`].
pub(super) const UNKNOWN_COMPANY: &str =
    "connections stay open, but too few readings tell what else grows with them";

/// Why those of [`is_too_young`] prove nothing.
const TOO_YOUNG: &str = "connections stay open, but none was watched for long enough to tell whether it \
    is still used, as those of a pool that fills are: watch for 10 s more";

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
        Growth::Unsteady(trend) => {
            return Err(unsure(format!(
                "open sockets went from {first} to {}, but not steadily: a pool that \
                 fills does that too. Watch until it stops, or goes on",
                trend.last
            )));
        }
        Growth::Steady(trend) => trend.seconds,
    };
    let (sick, good): (Vec<_>, Vec<_>) = sockets
        .origins
        .iter()
        .filter(|origin| is_ours_to_close(origin))
        .cloned()
        .partition(stays);
    if sick.is_empty() {
        return Err(clear(
            "open sockets rise, but no line keeps open nine tenths of those it opens, accepted ones \
             left out",
        ));
    }
    let (in_use, sick): (Vec<_>, Vec<_>) = sick.into_iter().partition(is_in_use);
    if sick.is_empty() {
        return Err(unsure(unsure_of_use(&in_use)));
    }
    if let Some(why) = may_fill(&sick, seconds) {
        return Err(unsure(why));
    }
    Ok(Kept {
        sockets,
        sick,
        good,
    })
}

/// Of those accepted only the peer knows whether it needs them, until it has left.
fn is_ours_to_close(origin: &SocketOrigin) -> bool {
    origin.accepted == Some(false) || is_left(origin)
}

/// Whether the sockets of a line are not closed.
fn stays(origin: &SocketOrigin) -> bool {
    let most_closed = MOST_CLOSED.get() * origin.opened as f64;
    // That others are closed is no reason to keep those whose peers have left.
    let is_kept = origin.closed as f64 <= most_closed || is_left(origin);
    origin.open as f64 >= LEAST_OPEN.get() && is_kept
}

/// Why sockets that stay may be those of a pool that fills, whose use ended for now.
fn may_fill(sick: &[SocketOrigin], seconds: f64) -> Option<String> {
    if sick.iter().all(is_too_young) {
        return Some(TOO_YOUNG.to_owned());
    }
    let open: u64 = sick.iter().map(|origin| origin.open).sum();
    let pool_seconds = POOL_SECONDS.get();
    ((open as f64) < POOL_OPEN.get() && seconds < pool_seconds).then(|| {
        format!(
            "{open} sockets stay open, which may still be a pool that fills: watch for {:.0} s more",
            (pool_seconds - seconds).ceil()
        )
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
    in_state(origin.states.as_ref(), "CLOSE_WAIT")
}

/// How many are in a state of TCP, as far as the kernel tells.
fn in_state(states: Option<&BTreeMap<&'static str, u64>>, state: &str) -> u64 {
    let count = states.and_then(|states| states.get(state));
    count.copied().unwrap_or(0)
}

fn is_left(origin: &SocketOrigin) -> bool {
    origin.open > 0 && left(origin) as f64 >= LEFT.get() * origin.open as f64
}

/// Whether most of the sockets of a line still carry bytes, as far as that is known.
fn is_in_use(origin: &SocketOrigin) -> bool {
    let usage = origin.usage;
    usage.is_some_and(|Usage { known, used }| used as f64 >= IN_USE.get() * known as f64)
}

/// Whether the sockets of a line have carried bytes, and none was watched for long enough to say that
/// this is over.
fn is_too_young(origin: &SocketOrigin) -> bool {
    let sent = origin.bytes_sent.unwrap_or(0);
    let has_carried = sent > 0 || origin.bytes_received.is_some_and(|received| received > 0);
    has_carried && origin.usage.is_none() && !is_left(origin)
}

/// Why sockets that stay open and are in use are not said to leak.
fn unsure_of_use(origins: &[SocketOrigin]) -> String {
    let sum = |count: fn(&SocketOrigin) -> u64| origins.iter().map(count).sum::<u64>();
    let open = sum(|origin| origin.open);
    let known = sum(|origin| origin.usage.map_or(0, |usage| usage.known));
    let used = sum(|origin| origin.usage.map_or(0, |usage| usage.used));
    let lines = match origins {
        [only] => only.place(),
        several => plural(several.len() as u64, "call site"),
    };
    format!(
        "{open} connections opened by {lines} stay open, and of the {known} oldest {used} carried \
         bytes in the last 10 s: a pool that fills does that, and clients that nobody closes but that \
         keep their connections alive. Watch until their number stops, or until the load falls: a \
         pool stops at its limit, a leak does not"
    )
}

/// How the number of open sockets moves.
pub(super) fn open(process: &Process) -> Growth {
    let open = |now: &SocketReading| Some(now.open);
    Growth::of_count(process.sockets(), open, LEAST_OPEN.get())
}

/// How the number of those moves that are dialled and stay, whatever else comes and goes.
pub(super) fn staying(process: &Process) -> Growth {
    let points = process.staying();
    let points = points.map(|(seconds, bytes)| Point { seconds, bytes });
    Growth::of_points(&points.collect::<Vec<Point>>(), |_| LEAST_OPEN.get())
}

/// That connections come and are needed, or may be, where their users stay: each may need what grows.
pub(super) fn arrivals(process: &Process) -> Option<String> {
    if let Some(missing) = unsure_of_sockets(process) {
        return Some(format!("{missing}: users that arrive and stay may need it"));
    }
    let Growth::Steady(trend) = open(process) else {
        return None;
    };
    let sockets = Sockets::on(process)?;
    let open = |is_asked: &dyn Fn(&SocketOrigin) -> bool| -> u64 {
        let origins = sockets.origins.iter();
        let asked = origins.filter(|origin| is_asked(origin));
        asked.map(|origin| origin.open).sum()
    };
    let all = open(&|_| true);
    let accepted = open(&|origin| origin.accepted == Some(true) && !is_left(origin));
    let in_use = open(&|origin| origin.accepted != Some(true) && is_in_use(origin));
    let (how, until) = if accepted >= in_use {
        ("accepted", "while as many leave as arrive")
    } else {
        ("in use", "until their number stops")
    };
    if (accepted + in_use) as f64 > ARRIVALS.get() * all as f64 {
        return Some(format!(
            "open connections went from {} to {}, most of them {how}: each may need it. Watch {until}",
            trend.first, trend.last
        ));
    }
    let may_be_pool = |origin: &SocketOrigin| {
        let is_left = is_left(origin);
        origin.accepted == Some(false) && !is_left && stays(origin) && !is_in_use(origin)
    };
    let pool: Vec<_> = sockets
        .origins
        .into_iter()
        .filter(|origin| may_be_pool(origin))
        .collect();
    if pool.is_empty() {
        return None;
    }
    may_fill(&pool, trend.seconds)
}

/// Connections that were accepted and whose peers have not left.
pub(super) fn accepted(sockets: &Sockets) -> u64 {
    let origins = sockets.origins.iter();
    let origins = origins.filter(|origin| origin.accepted == Some(true));
    let opened = origins.map(|origin| origin.open.saturating_sub(left(origin)));
    let others = sockets.unexplained.iter();
    let others = others.filter(|socket| socket.direction == Some(Direction::Accepted));
    let found = others.map(|socket| in_state(socket.states.as_ref(), "ESTABLISHED"));
    opened.chain(found).sum()
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
