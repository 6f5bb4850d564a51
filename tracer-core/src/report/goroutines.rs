//! Goroutines by where they were created, and where they wait.

mod asked_by;
mod waits;

pub use asked_by::OwnLine;
pub use waits::WaitLine;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::stack::StackFrame;
use crate::event::{GoroutineGroup, Goroutines as Census};
use crate::ledger::creators::{Chain, ChainEnd, Hop};
use crate::ledger::trend::difference;
use crate::process::Process;

/// The kind of events that creations are, in the accounts.
const CREATIONS: &str = "goroutine";

/// Two censuses that are nearer tell of chance rather than of growth.
const LEAST_MINUTES: f64 = 5.0 / 60.0;

/// Creation sites shown.
const MAX_SITES: usize = 30;

/// The goroutines of the process, those of the runtime left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Goroutines {
    /// All.
    pub total: u64,
    /// Against the first census; `None` when there was only one.
    pub growth: Option<i64>,
    /// The same for each minute between the two; `None` when that was too short to tell.
    pub growth_per_minute: Option<i64>,
    /// Looked at; when fewer than all, the counts of sites are scaled up from these.
    pub sampled: u64,
    /// By creation site, most first.
    pub sites: Vec<GoroutineSite>,
}

/// Goroutines created at one place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GoroutineSite {
    /// Alive.
    pub count: u64,
    /// Against the first census.
    pub growth: Option<i64>,
    /// The same for each minute between the two; `None` when that was too short to tell.
    pub growth_per_minute: Option<i64>,
    /// Created while creations were watched; `None` where they were not, where some were lost, or where
    /// one `go` statement starts several functions.
    pub created: Option<u64>,
    /// Of these and those before, ended since; `None` unless creations were watched all the time.
    pub ended: Option<u64>,
    /// The function they began with.
    #[serde(flatten)]
    pub start: StackFrame,
    /// The `go` statement; `None` for the main goroutine.
    pub created_by: Option<StackFrame>,
    /// The service's own lines that led there, most first, where the `go` statement is another's and
    /// creations were watched.
    pub asked_by: Vec<OwnLine>,
    /// What most of them do or wait for.
    pub waiting_on: Option<String>,
    /// Where they wait, most first.
    pub waits: Vec<WaitLine>,
    /// Goroutines whose stacks tell so.
    pub stacks_read: u64,
    /// Bytes of their stacks.
    pub stack_bytes: u64,
    /// How long the longest waiting one waits.
    pub longest_wait_seconds: Option<f64>,
    /// Open sockets that they opened while watched; `None` where one `go` statement starts several
    /// functions, or somebody opened sockets of whom it is not known where he was created.
    pub open_sockets: Option<u64>,
}

/// Sums over the groups of one site.
#[derive(Default)]
struct Site<'a> {
    count: u64,
    stack_bytes: u64,
    longest_wait_ns: Option<u64>,
    doing: BTreeMap<&'a str, u64>,
    groups: Vec<&'a GoroutineGroup>,
}

impl Goroutines {
    pub(crate) fn on(process: &Process) -> Option<Self> {
        let censuses = process.go().goroutines()?;
        let now = censuses.last();
        let before = censuses.before().map(|before| (before, by_site(before)));
        let per_minute = |growth: i64| {
            let minutes = censuses.minutes();
            (minutes >= LEAST_MINUTES).then_some((growth as f64 / minutes).round() as i64)
        };
        let mut sites: Vec<_> = by_site(now).into_iter().collect();
        sites.sort_by_key(|(_, site)| Reverse(site.count));
        let mut of_statement: BTreeMap<u64, usize> = BTreeMap::new();
        for ((created_at, _), _) in &sites {
            *of_statement.entry(*created_at).or_default() += 1;
        }
        let statements = of_statement.keys().copied();
        let asked_by = asked_by::asked_by(process, &statements.collect::<Vec<u64>>());
        let line = |((created_at, start), site): ((u64, u64), Site<'_>)| {
            let count = scaled(site.count, now);
            let growth = before.as_ref().map(|(census, sites)| {
                let before = sites.get(&(created_at, start));
                difference(count, before.map_or(0, |site| scaled(site.count, census)))
            });
            let start = StackFrame::at(process, start, false);
            // The runtime's own assembly created it, at an address that tells nothing.
            let is_main = start.function == "runtime.main";
            let is_only = of_statement.get(&created_at) == Some(&1);
            let created = (is_only && !is_main)
                .then(|| created(process, created_at))
                .flatten();
            let ended = created
                .zip(growth)
                .filter(|_| process.creators().throughout());
            let (waits, stacks_read) =
                waits::waits(process, &site.groups, |count| scaled(count, now));
            let most = site.doing.iter().max_by_key(|(_, count)| **count);
            GoroutineSite {
                count,
                growth,
                growth_per_minute: growth.and_then(per_minute),
                created,
                // The census is a moment older than the last creations.
                ended: ended.map(|(created, growth)| {
                    created.saturating_add_signed(growth.saturating_neg())
                }),
                start,
                created_by: (created_at != 0 && !is_main)
                    .then(|| StackFrame::at(process, created_at, true)),
                asked_by: asked_by.get(&created_at).cloned().unwrap_or_default(),
                waiting_on: most.map(|(doing, _)| (*doing).to_owned()),
                waits,
                stacks_read,
                stack_bytes: scaled(site.stack_bytes, now),
                longest_wait_seconds: site.longest_wait_ns.map(|ns| ns as f64 / 1e9),
                open_sockets: is_only
                    .then(|| open_sockets(process, (!is_main).then_some(created_at)))
                    .flatten(),
            }
        };
        let growth = before
            .as_ref()
            .map(|(before, _)| difference(now.total, before.total));
        Some(Self {
            total: now.total,
            growth,
            growth_per_minute: growth.and_then(per_minute),
            sampled: now.sampled,
            sites: sites.into_iter().take(MAX_SITES).map(line).collect(),
        })
    }
}

/// Goroutines that one `go` statement has created while that was watched.
fn created(process: &Process, created_at: u64) -> Option<u64> {
    let creators = process.creators();
    let mut losses = process.loss().iter();
    if !creators.has_watched() || losses.any(|of| of.kind == CREATIONS && of.lost > 0) {
        return None;
    }
    let symbols = process.symbols();
    let there = creators
        .created()
        .filter(|(stack, _)| symbols.has_address(*stack, created_at));
    Some(there.map(|(_, count)| count).sum())
}

/// Open sockets that goroutines of one `go` statement opened; without one, the main goroutine.
fn open_sockets(process: &Process, created_at: Option<u64>) -> Option<u64> {
    let symbols = process.symbols();
    let created_there = |chain: &Chain| match (chain.hops.first(), created_at) {
        (Some(Hop::Listed(address)), Some(created_at)) => Some(*address == created_at),
        (Some(Hop::Seen(stack)), Some(created_at)) => Some(symbols.has_address(*stack, created_at)),
        (Some(_), None) => Some(false),
        (None, _) if chain.end == ChainEnd::Whole => Some(created_at.is_none()),
        // Of the main goroutine it would be known.
        (None, None) if chain.end == ChainEnd::Unseen => Some(false),
        (None, _) => None,
    };
    let mut sum = 0;
    for (origin, count, _) in process.descriptors().origins() {
        let open = count.opened.saturating_sub(count.closed);
        if open > 0 && created_there(&origin?.chain)? {
            sum += open;
        }
    }
    Some(sum)
}

fn by_site(census: &Census) -> BTreeMap<(u64, u64), Site<'_>> {
    let mut sites: BTreeMap<(u64, u64), Site<'_>> = BTreeMap::new();
    for group in &census.groups {
        let GoroutineGroup {
            created_at,
            start,
            doing,
            count,
            stack_bytes,
            longest_wait_ns,
            ..
        } = group;
        let site = sites.entry((*created_at, *start)).or_default();
        site.groups.push(group);
        site.count = site.count.saturating_add(*count);
        site.stack_bytes = site.stack_bytes.saturating_add(*stack_bytes);
        site.longest_wait_ns = site.longest_wait_ns.max(*longest_wait_ns);
        let doing = site.doing.entry(doing).or_default();
        *doing = doing.saturating_add(*count);
    }
    sites
}

/// What a count of the sampled stands for.
fn scaled(count: u64, census: &Census) -> u64 {
    if census.sampled == 0 || census.sampled >= census.total {
        return count;
    }
    let share = u128::from(count) * u128::from(census.total) / u128::from(census.sampled);
    u64::try_from(share).unwrap_or(u64::MAX)
}
