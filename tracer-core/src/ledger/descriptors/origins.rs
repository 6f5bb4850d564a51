//! Sockets counted by what opened them.

use std::collections::{BTreeMap, BTreeSet};

use super::Connects;
use crate::event::{Peer, StackId};
use crate::ledger::creators::Chain;
use crate::ledger::tally::MAX_STACKS;

/// Peers named for one origin; further ones are only counted as sockets.
const MAX_PEERS: usize = 8;

/// Stacks told apart that close the sockets of one origin; what further ones close is only counted.
const MAX_CLOSERS: usize = 16;

/// The code that opened a socket, and what led there.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Origin {
    /// By `accept`, else by `socket`.
    pub accepted: bool,
    /// The stack of the call; `None` when it was lost.
    pub stack: Option<StackId>,
    /// How the goroutine that called came to be.
    pub chain: Chain,
}

/// What became of the sockets of one origin.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OriginCount {
    /// Opened since the start.
    pub opened: u64,
    /// Of these, closed.
    pub closed: u64,
    /// By which stack, where that was seen.
    pub closers: BTreeMap<StackId, u64>,
    /// Some of the addresses at the other end, or where it was looked for.
    pub peers: BTreeSet<Peer>,
    /// The connections that were asked for.
    pub connects: Connects,
}

/// An origin by its number; `None` for all that did not fit.
pub(super) type OriginId = Option<u32>;

/// At most [`MAX_STACKS`] origins; sockets of a further one go to `beyond`.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    ids: BTreeMap<Origin, u32>,
    counts: Vec<OriginCount>,
    beyond: OriginCount,
}

impl Origins {
    /// The number of an origin.
    pub(super) fn id(&mut self, origin: Origin) -> OriginId {
        if let Some(id) = self.ids.get(&origin) {
            return Some(*id);
        }
        if self.ids.len() >= MAX_STACKS {
            return None;
        }
        let id = self.counts.len() as u32;
        self.counts.push(OriginCount::default());
        self.ids.insert(origin, id);
        Some(id)
    }

    pub(super) fn opened(&mut self, origin: OriginId) {
        self.count(origin).opened += 1;
    }

    pub(super) fn closed(&mut self, origin: OriginId, by: Option<StackId>) {
        let count = self.count(origin);
        count.closed += 1;
        let is_full = count.closers.len() >= MAX_CLOSERS;
        if let Some(stack) = by.filter(|stack| !is_full || count.closers.contains_key(stack)) {
            *count.closers.entry(stack).or_default() += 1;
        }
    }

    pub(super) fn connects(&mut self, origin: OriginId) -> &mut Connects {
        &mut self.count(origin).connects
    }

    pub(super) fn peer(&mut self, origin: OriginId, peer: &Peer) {
        let peers = &mut self.count(origin).peers;
        if peers.len() < MAX_PEERS && !peers.contains(peer) {
            peers.insert(peer.clone());
        }
    }

    /// Every origin that has opened something; last, without one, what did not fit.
    pub(super) fn iter(&self) -> impl Iterator<Item = (OriginId, Option<&Origin>, &OriginCount)> {
        let known = self.ids.iter().filter_map(|(origin, id)| {
            let count = self.counts.get(*id as usize)?;
            (count.opened > 0).then_some((Some(*id), Some(origin), count))
        });
        known.chain((self.beyond.opened > 0).then_some((None, None, &self.beyond)))
    }

    fn count(&mut self, origin: OriginId) -> &mut OriginCount {
        let known = origin.and_then(|id| self.counts.get_mut(id as usize));
        known.unwrap_or(&mut self.beyond)
    }
}
