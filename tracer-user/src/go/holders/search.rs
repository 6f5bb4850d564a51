//! From the samples backwards: whole turns over all memory with pointers, until roots explain them.
//!
//! ```text
//! samples ─▶ words that point to them ─▶ the objects of these words ─▶ … ─▶ roots
//! ```
//!
//! An object found on the way is looked for at once, while the turn goes on, and is done a full turn
//! later. Words are taken for pointers where the span has pointers at all.

use super::chunks::{Chunk, Piece, chunks};
use super::filter::{BATCH, Filter};
use super::graph::{Graph, MAX_NODES};
use super::objects::Objects;
use super::roots::Roots;
use crate::go::runtime::{Memory, Part};

/// While there are fewer objects, other owners of what is explained are looked for as well.
const FEW: usize = 4_000;
/// Turns over the memory.
const MAX_TURNS: u64 = 24;
/// The first turn after which chains of one kind of object are followed at once.
const CHAINS_AFTER: u64 = 2;

/// Why a search ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// All that leads to the samples was seen.
    Complete,
    /// There was no time, or no right, to read on.
    Stopped,
    /// It goes on further than is followed.
    TooDeep,
    /// The heap is too wide for the filter.
    TooWide,
}

/// A search under way.
pub(super) struct Search<'s, 'm, M: ?Sized> {
    pub(super) memory: &'m M,
    pub(super) objects: &'s mut Objects<'m, M>,
    pub(super) roots: &'s Roots,
    pub(super) graph: Graph,
    /// Asked after each piece of memory: whether to go on.
    pub(super) pause: &'s mut dyn FnMut() -> bool,
    filter: Filter,
    /// Chunks seen since the beginning, and in a turn.
    step: u64,
    turn: u64,
    last_added: u64,
    /// The turn before which all samples were explained.
    settled: Option<u64>,
}

impl<'s, 'm, M: Memory + ?Sized> Search<'s, 'm, M> {
    pub(super) fn new(
        memory: &'m M,
        objects: &'s mut Objects<'m, M>,
        roots: &'s Roots,
        pause: &'s mut dyn FnMut() -> bool,
    ) -> Self {
        Self {
            memory,
            objects,
            roots,
            graph: Graph::default(),
            pause,
            filter: Filter::default(),
            step: 0,
            turn: 1,
            last_added: 0,
            settled: None,
        }
    }

    /// Searches for who holds the objects at `samples`, which become the first nodes.
    pub(super) fn run(&mut self, samples: &[(u64, u64)]) -> End {
        let (chunks, is_whole) = chunks(self.objects.spans());
        let end = self.take_turns(&chunks, samples);
        match end {
            End::Complete if !is_whole => End::Stopped,
            end => end,
        }
    }

    fn take_turns(&mut self, chunks: &[Chunk], samples: &[(u64, u64)]) -> End {
        self.turn = (chunks.len() as u64).max(1);
        let spans = self.objects.spans();
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else {
            return End::Complete;
        };
        let Some(filter) = Filter::over(first.start, last.end) else {
            return End::TooWide;
        };
        self.filter = filter;
        for (base, size) in samples {
            self.add(*base, *size);
        }
        let count = samples.len();
        let mut buffer = Vec::new();
        loop {
            let turns = self.step / self.turn;
            // Whoever was found last, all memory was looked through since.
            if chunks.is_empty() || self.step > self.last_added + self.turn {
                return End::Complete;
            }
            if self.step.is_multiple_of(self.turn) {
                if self.is_done(count, turns) {
                    return End::Complete;
                }
                if turns >= MAX_TURNS {
                    return End::TooDeep;
                }
                if turns > CHAINS_AFTER && !self.follow_chains() {
                    return End::Stopped;
                }
                self.refill();
            }
            let chunk = &chunks[(self.step % self.turn) as usize];
            if !self.look_through(chunk, &mut buffer) {
                return End::Stopped;
            }
            self.step += 1;
        }
    }

    /// Whether lasting roots explain all samples, and what else holds them was looked for, for a turn
    /// more: its way may be longer.
    fn is_done(&mut self, samples: usize, turns: u64) -> bool {
        let is_settled = (0..samples as u32).all(|sample| self.graph.is_settled(sample));
        is_settled && turns > *self.settled.get_or_insert(turns)
    }

    /// Adds an object unless it is known, and asks the roots about it.
    pub(super) fn add(&mut self, base: u64, size: u64) -> Option<u32> {
        let until = self.step + self.turn;
        let node = self.graph.add(base, size, until)?;
        self.last_added = self.step;
        self.filter.add(base, size);
        for root in self.roots.of(base, size) {
            self.graph.explain(node, root, super::graph::NONE);
        }
        Some(node)
    }

    /// Whether who holds a node is still of interest.
    fn is_sought(&self, node: u32) -> bool {
        let until = self.graph.nodes[node as usize].until;
        until >= self.step && (self.graph.nodes.len() < FEW || !self.graph.is_settled(node))
    }

    fn refill(&mut self) {
        self.filter.clear();
        for number in 0..self.graph.nodes.len() as u32 {
            if self.is_sought(number) {
                let node = self.graph.nodes[number as usize];
                self.filter.add(node.base, node.size);
            }
        }
    }

    fn look_through(&mut self, chunk: &Chunk, buffer: &mut Vec<u8>) -> bool {
        let parts: Vec<Part> = chunk.pieces.iter().map(Piece::part).collect();
        let parts = self.memory.in_memory(&parts);
        buffer.resize(parts.iter().map(|part| part.length).sum(), 0);
        let (mut done, mut at) = (0, 0);
        while done < parts.len() {
            let read = self.memory.read_many(&parts[done..], &mut buffer[at..]);
            for part in &parts[done..done + read] {
                let bytes = &buffer[at..at + part.length];
                at += bytes.len();
                self.look_at(part.address, bytes);
            }
            done += read;
            // One that cannot be read is left out: it may have been given back meanwhile.
            if let Some(part) = parts.get(done) {
                at += part.length;
                done += 1;
            }
            if !(self.pause)() {
                return false;
            }
        }
        true
    }

    /// All words of the memory at `start`.
    fn look_at(&mut self, start: u64, bytes: &[u8]) {
        let (words, _) = bytes.as_chunks::<8>();
        let mut near = [0; BATCH];
        for (batch, words) in (0..).zip(words.chunks(BATCH)) {
            let count = self.filter.near(words, &mut near);
            for index in &near[..count] {
                let value = u64::from_le_bytes(words[usize::from(*index)]);
                if self.filter.may_hold(value) {
                    let word = batch * BATCH as u64 + u64::from(*index);
                    self.meet(start + word * 8, value);
                }
            }
        }
    }

    /// A word at `place` that may point to something sought.
    fn meet(&mut self, place: u64, value: u64) {
        let Some((base, _)) = self.objects.object(value) else {
            return;
        };
        let Some(child) = self.graph.find(base) else {
            return;
        };
        let Some((holder, size)) = self.objects.object(place) else {
            return;
        };
        if holder == base || !self.is_sought(child) || self.roots.never.contains(&holder) {
            return;
        }
        if !self.objects.is_taken(holder) {
            return;
        }
        self.hold(holder, size, child, place - holder);
    }

    /// The object `holder` points to `child`.
    pub(super) fn hold(&mut self, holder: u64, size: u64, child: u32, offset: u64) {
        if !self.objects.may_point(holder.saturating_add(offset)) {
            return;
        }
        let found = self.graph.find(holder);
        if found.is_none() && self.graph.has_enough_holders(child) {
            return;
        }
        if found.is_none() && self.graph.nodes.len() >= MAX_NODES {
            self.graph.capped = true;
            return;
        }
        let Some(node) = found.or_else(|| self.add(holder, size)) else {
            return;
        };
        if found.is_none() {
            let secondary =
                self.graph.nodes[child as usize].secondary || self.graph.is_settled(child);
            self.graph.nodes[node as usize].secondary = secondary;
        }
        self.graph
            .link(node, child, u32::try_from(offset).unwrap_or(u32::MAX));
        if let Some(root) = self.roots.finalizer(holder) {
            self.graph.explain(child, root, node);
        }
    }

    /// Follows what is held by its own kind for ever, as elements of a list are, in one go.
    fn follow_chains(&mut self) -> bool {
        let recent = self.step.saturating_sub(self.turn);
        let Some(class) = super::chain::class(&self.graph, self.objects, recent + self.turn) else {
            return true;
        };
        self.follow(class)
    }
}
