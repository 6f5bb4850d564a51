//! Sockets counted by the stack that opened them.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Peer, StackId};
use crate::ledger::tally::MAX_STACKS;

/// Peers named for one origin; further ones are only counted as sockets.
const MAX_PEERS: usize = 8;

/// What became of the sockets one stack opened.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OriginCount {
    /// Opened since the start.
    pub opened: u64,
    /// Of these, closed.
    pub closed: u64,
    /// Some of the addresses at the other end.
    pub peers: BTreeSet<Peer>,
}

/// At most [`MAX_STACKS`] origins; sockets of a further one go to `beyond`.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    by_stack: BTreeMap<Option<StackId>, OriginCount>,
    beyond: OriginCount,
}

impl Origins {
    pub(super) fn opened(&mut self, stack: Option<StackId>) {
        self.count(stack).opened += 1;
    }

    pub(super) fn closed(&mut self, stack: Option<StackId>) {
        self.count(stack).closed += 1;
    }

    pub(super) fn peer(&mut self, stack: Option<StackId>, peer: &Peer) {
        let peers = &mut self.count(stack).peers;
        if peers.len() < MAX_PEERS && !peers.contains(peer) {
            peers.insert(peer.clone());
        }
    }

    /// Every origin; last, without a stack, what did not fit.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Option<StackId>, &OriginCount)> {
        let beyond = (self.beyond.opened > 0).then_some((None, &self.beyond));
        self.by_stack
            .iter()
            .map(|(stack, count)| (*stack, count))
            .chain(beyond)
    }

    fn count(&mut self, stack: Option<StackId>) -> &mut OriginCount {
        if self.by_stack.len() < MAX_STACKS || self.by_stack.contains_key(&stack) {
            self.by_stack.entry(stack).or_default()
        } else {
            &mut self.beyond
        }
    }
}
