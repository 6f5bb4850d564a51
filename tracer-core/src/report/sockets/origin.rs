//! From calls and chains of creations to the service's own lines.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use super::way::{MAX_OWN, Place, Way, place};
use super::{Closer, ConnectCounts, SocketOrigin, Usage, peer_text};
use crate::event::{Frame, Peer, StackId, Timestamp};
use crate::ledger::creators::ChainEnd;
use crate::ledger::descriptors::{Connects, Listed};
use crate::ledger::symbols::Line;
use crate::process::Process;
use crate::report::stack::{StackFrame, frames, own_line};

/// Origins shown; the rest is summed up in one without a stack.
const MAX_ORIGINS: usize = 50;
/// Peers shown of one origin.
const MAX_PEERS: usize = 8;
/// Lines shown that close the sockets of one origin.
const MAX_CLOSERS: usize = 4;
/// Fewer sockets do not tell whether their opener closes them.
const TELLING: u64 = 3;

/// Sockets counted together.
#[derive(Clone, Debug, Default)]
struct Sum {
    opened: u64,
    closed: u64,
    closers: BTreeMap<StackId, u64>,
    oldest: Option<Timestamp>,
    peers: BTreeSet<Peer>,
    connects: Connects,
    stacks: u64,
    listed: Option<Listed>,
}

impl Sum {
    fn open(&self) -> u64 {
        self.opened.saturating_sub(self.closed)
    }

    /// Who opened these does not close them, as far as so few can tell.
    fn stays(&self) -> bool {
        self.open() >= TELLING && self.closed * 10 <= self.opened
    }

    /// Who opened these closes them.
    fn goes(&self) -> bool {
        self.closed >= TELLING && self.closed * 2 >= self.opened
    }
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.opened += other.opened;
        self.closed += other.closed;
        for (stack, count) in other.closers {
            *self.closers.entry(stack).or_default() += count;
        }
        self.oldest = match (self.oldest, other.oldest) {
            (Some(mine), Some(theirs)) => Some(mine.min(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        self.peers.extend(other.peers);
        self.connects += other.connects;
        self.stacks += other.stacks;
        if let Some(others) = other.listed {
            *self.listed.get_or_insert_default() += others;
        }
    }
}

/// The sockets of one way.
struct Part<'a> {
    sum: Sum,
    accepted: bool,
    way: Way<'a>,
}

/// The sockets of one origin.
struct Group<'a> {
    sum: Sum,
    accepted: Option<bool>,
    /// The way that most of them came.
    way: Option<Way<'a>>,
    /// Which of its own lines is the origin.
    depth: usize,
}

/// The origins of a process, most open first.
pub(super) fn all(process: &Process) -> Vec<SocketOrigin> {
    let mut parts: BTreeMap<Key<'_>, Vec<Part<'_>>> = BTreeMap::new();
    let mut beyond = Sum::default();
    let listed = process.descriptors().listed();
    for (origin, count, oldest) in process.descriptors().origins() {
        let sum = Sum {
            opened: count.opened,
            closed: count.closed,
            closers: count.closers.clone(),
            oldest,
            peers: count.peers.clone(),
            connects: count.connects.clone(),
            stacks: 1,
            listed: listed.as_ref().map(|listed| {
                let own = origin.and_then(|_| listed.get(&origin));
                own.cloned().unwrap_or_default()
            }),
        };
        let Some(origin) = origin else {
            beyond += sum;
            continue;
        };
        let (accepted, way) = (origin.accepted, Way::of(process, origin));
        let key = match way.own(0) {
            Some(own) => Key::Own(accepted, place(own)),
            None => Key::Library(accepted, way.hops.clone(), way.end),
        };
        parts
            .entry(key)
            .or_default()
            .push(Part { sum, accepted, way });
    }
    let mut groups = Vec::new();
    for parts in parts.into_values() {
        tell_apart(parts, 0, &mut groups);
    }
    if beyond.opened > 0 {
        groups.push(Group::without_way(beyond));
    }
    // The order so far decides between equals.
    groups.sort_by_key(|group| Reverse((group.sum.open(), group.sum.opened)));
    let others = groups.split_off(groups.len().min(MAX_ORIGINS));
    if !others.is_empty() {
        let mut rest = Sum::default();
        for other in others {
            rest += other.sum;
        }
        groups.push(Group::without_way(rest));
    }
    groups
        .iter()
        .map(|group| group.summed_up(process))
        .collect()
}

/// What is counted together at first: all that comes from one own line; else what came the same way.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
enum Key<'a> {
    Own(bool, Place<'a>),
    Library(bool, Vec<Vec<Line<'a>>>, ChainEnd),
}

/// Makes one group of what came through one own line, unless its callers differ in what became of
/// their sockets: where some keep theirs and others close them, the callers are the origins.
fn tell_apart<'a>(parts: Vec<Part<'a>>, depth: usize, groups: &mut Vec<Group<'a>>) {
    let caller = |part: &Part<'a>, depth| part.way.own(depth).map(place);
    // A way that was not seen to its end may have any caller: it differs from none.
    let is_known = |part: &&Part<'a>, depth| part.way.own(depth).is_some() || part.way.is_whole();
    let differ = (depth + 1..=MAX_OWN).find(|depth| {
        let known = parts.iter().filter(|part| is_known(part, *depth));
        let callers: BTreeSet<_> = known.map(|part| caller(part, *depth)).collect();
        callers.len() > 1
    });
    let mut ways: BTreeMap<Vec<Place<'a>>, Sum> = BTreeMap::new();
    for part in differ
        .iter()
        .flat_map(|depth| parts.iter().filter(|part| is_known(part, *depth)))
    {
        *ways.entry(part.way.places()).or_default() += part.sum.clone();
    }
    let (true, true, Some(depth_of_callers)) = (
        ways.values().any(Sum::stays),
        ways.values().any(Sum::goes),
        differ,
    ) else {
        groups.extend(Group::of(parts, depth));
        return;
    };
    let mut callers: BTreeMap<Option<Place<'a>>, Vec<Part<'a>>> = BTreeMap::new();
    for part in parts {
        let caller = caller(&part, depth_of_callers);
        callers.entry(caller).or_default().push(part);
    }
    for (caller, parts) in callers {
        match caller {
            Some(_) => tell_apart(parts, depth_of_callers, groups),
            // These end where the others have a caller, or were seen no further.
            None => groups.extend(Group::of(parts, depth_of_callers - 1)),
        }
    }
}

/// The lines that these stacks close sockets at, most first.
fn closers(process: &Process, stacks: &BTreeMap<StackId, u64>) -> Vec<Closer> {
    let mut lines: BTreeMap<&Frame, u64> = BTreeMap::new();
    for (stack, closed) in stacks {
        let calls = process.symbols().lines(Some(*stack));
        let mut outwards = calls.iter().rev().filter_map(|line| line.frame());
        let outermost = outwards.find(|frame| !frame.function.starts_with("runtime."));
        if let Some(frame) = own_line(process, &calls).or(outermost) {
            *lines.entry(frame).or_default() += closed;
        }
    }
    let mut closers: Vec<Closer> = lines
        .into_iter()
        .map(|(frame, closed)| Closer {
            closed,
            at: StackFrame::from_frame(frame),
        })
        .collect();
    closers.sort_by_key(|closer| Reverse(closer.closed));
    closers.truncate(MAX_CLOSERS);
    closers
}

impl Usage {
    fn of(listed: &Listed) -> Option<Self> {
        let (known, used) = (listed.known, listed.used);
        (known > 0).then_some(Self { known, used })
    }
}

impl<'a> Group<'a> {
    /// All parts together; `None` of nothing.
    fn of(parts: Vec<Part<'a>>, depth: usize) -> Option<Self> {
        let mut sum = Sum::default();
        let most = parts.iter().max_by_key(|part| part.sum.opened)?;
        let (accepted, way) = (Some(most.accepted), Some(most.way.clone()));
        for part in parts {
            sum += part.sum;
        }
        Some(Self {
            sum,
            accepted,
            way,
            depth,
        })
    }

    fn without_way(sum: Sum) -> Self {
        Self {
            sum,
            accepted: None,
            way: None,
            depth: 0,
        }
    }

    fn summed_up(&self, process: &Process) -> SocketOrigin {
        let sum = &self.sum;
        let way = self.way.as_ref();
        let own = way.and_then(|way| way.own(self.depth));
        let through = way.map_or(&[][..], |way| &way.own[..self.depth]);
        let stack = way.and_then(|way| way.hops.first());
        let traffic = sum.listed.as_ref().and_then(|listed| listed.traffic);
        SocketOrigin {
            opened: sum.opened,
            closed: sum.closed,
            open: sum.open(),
            accepted: self.accepted,
            oldest_seconds: sum
                .oldest
                .map(|oldest| process.last_at().seconds_since(oldest)),
            peers: sum.peers.iter().take(MAX_PEERS).map(peer_text).collect(),
            closed_by: closers(process, &sum.closers),
            connects: ConnectCounts::of(&sum.connects, process),
            states: sum.listed.as_ref().map(|listed| listed.states.clone()),
            bytes_sent: traffic.map(|traffic| traffic.sent),
            bytes_received: traffic.map(|traffic| traffic.received),
            buffer_bytes: traffic.and_then(|traffic| traffic.memory),
            usage: sum.listed.as_ref().and_then(Usage::of),
            origin: own.map(StackFrame::from_frame),
            through: through
                .iter()
                .rev()
                .map(|(_, frame)| StackFrame::from_frame(frame))
                .collect(),
            origin_missing: way.and_then(|way| way.missing(process)),
            chain: way.map(|way| way.chain(self.depth)).unwrap_or_default(),
            stacks: sum.stacks,
            stack: stack.map_or_else(Vec::new, |lines| frames(process, lines)),
        }
    }
}
