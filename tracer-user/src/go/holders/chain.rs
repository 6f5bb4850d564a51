//! Chains: elements of a list hold each other, so that each step finds only the next one.
//!
//! All links within the one class of objects are read at once, and followed without further reads.

use std::collections::HashMap;

use super::graph::Graph;
use super::objects::Objects;
use super::search::Search;
use super::spans::Span;
use crate::go::runtime::{Memory, Part};

/// Links that are held, 12 bytes each.
const MAX_LINKS: usize = 3 << 20;

/// No span of small objects is longer.
const MAX_SPAN: u64 = 1 << 20;

/// Of the objects found in the last turn so many, as a share, are of one class where it is a chain.
const SHARE: usize = 2;

/// Size and class of slots.
pub(super) type Class = (u64, u8);

/// The class of most objects that are still sought since `recent`, if these are one chain.
pub(super) fn class<M: Memory + ?Sized>(
    graph: &Graph,
    objects: &Objects<'_, M>,
    until: u64,
) -> Option<Class> {
    let mut counts: HashMap<Class, usize> = HashMap::new();
    let mut all = 0;
    for (number, node) in graph.nodes.iter().enumerate() {
        if node.until >= until && !graph.is_settled(number as u32) {
            let Some(span) = objects.span(node.base) else {
                continue;
            };
            *counts.entry((span.slot, span.class)).or_default() += 1;
            all += 1;
        }
    }
    let (class, count) = counts
        .into_iter()
        .max_by_key(|(class, count)| (*count, *class))?;
    (count * SHARE >= all).then_some(class)
}

impl<M: Memory + ?Sized> Search<'_, '_, M> {
    /// Adds all that leads to what is sought through objects of one class. False when stopped.
    pub(super) fn follow(&mut self, class: Class) -> bool {
        let chain = Numbered::of(self.objects.spans(), class);
        let Some(links) = self.links(&chain) else {
            return false;
        };
        let mut pending: Vec<u32> = (0..self.graph.nodes.len() as u32)
            .filter(|node| !self.graph.is_settled(*node))
            .collect();
        while let Some(child) = pending.pop() {
            let Some(target) = chain.number(self.graph.nodes[child as usize].base) else {
                continue;
            };
            let first = links.partition_point(|link| link.target < target);
            for link in links[first..]
                .iter()
                .take_while(|link| link.target == target)
            {
                let (base, size) = chain.object(link.holder);
                let known = self.graph.find(base);
                if !self.objects.is_taken(base) || self.roots.never.contains(&base) {
                    continue;
                }
                self.hold(base, size, child, u64::from(link.word) * 8);
                let new = self.graph.find(base).filter(|_| known.is_none());
                pending.extend(new.filter(|node| !self.graph.is_settled(*node)));
            }
        }
        true
    }

    /// All links within a class, in the order of their targets; as many as are held.
    fn links(&mut self, chain: &Numbered) -> Option<Vec<Link>> {
        let (mut links, mut bytes) = (Vec::new(), Vec::new());
        for span in &chain.spans {
            let whole = Part {
                address: span.start,
                length: (span.end - span.start) as usize,
            };
            for part in self.memory.in_memory(&[whole]).iter() {
                bytes.resize(part.length, 0);
                if self.memory.read(part.address, &mut bytes).is_ok() {
                    chain.links(span, part.address, &bytes, &mut links);
                }
            }
            if links.len() > MAX_LINKS {
                self.graph.capped = true;
                return Some(Vec::new());
            }
            if !(self.pause)() {
                return None;
            }
        }
        links.sort_unstable();
        Some(links)
    }
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Link {
    target: u32,
    holder: u32,
    /// Where in the holder.
    word: u32,
}

/// The objects of a class, numbered in the order of their addresses.
struct Numbered {
    spans: Vec<Span>,
    /// The number of the first object of each span.
    first: Vec<u32>,
}

impl Numbered {
    /// Adds the links of the words at `start`, which lie in a span of the class.
    fn links(&self, span: &Span, start: u64, bytes: &[u8], links: &mut Vec<Link>) {
        let (words, _) = bytes.as_chunks::<8>();
        for (index, word) in words.iter().enumerate() {
            let Some(target) = self.number(u64::from_le_bytes(*word)) else {
                continue;
            };
            let place = start + index as u64 * 8;
            let Some(holder) = self.number(place) else {
                continue;
            };
            let word = u32::try_from((place - span.base(place)) / 8).unwrap_or(u32::MAX);
            if holder != target {
                links.push(Link {
                    target,
                    holder,
                    word,
                });
            }
        }
    }

    fn of(spans: &[Span], class: Class) -> Self {
        let of_class =
            |span: &&Span| (span.slot, span.class) == class && span.end - span.start <= MAX_SPAN;
        let spans: Vec<Span> = spans.iter().filter(of_class).copied().collect();
        let mut next = 0_u32;
        let first = spans.iter().map(|span| {
            let slots = ((span.end - span.start) / span.slot) as u32;
            let first = next;
            next = first.saturating_add(slots);
            first
        });
        let first = first.collect();
        Self { spans, first }
    }

    fn number(&self, address: u64) -> Option<u32> {
        let after = self.spans.partition_point(|span| span.start <= address);
        let index = after.checked_sub(1)?;
        let span = &self.spans[index];
        let slot = ((address - span.start) / span.slot) as u32;
        (address < span.end).then(|| self.first[index].saturating_add(slot))
    }

    /// Address and size of an object.
    fn object(&self, number: u32) -> (u64, u64) {
        let after = self.first.partition_point(|first| *first <= number);
        let index = after.saturating_sub(1);
        let span = &self.spans[index];
        let slot = u64::from(number - self.first[index]);
        (span.start + slot * span.slot, span.slot)
    }
}
