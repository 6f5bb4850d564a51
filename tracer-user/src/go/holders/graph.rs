//! Who holds whom, as far as it was followed, and which root explains which object.

use std::collections::{HashMap, HashSet};

use super::roots::{Root, Strength};

/// Objects that are followed, some 100 bytes each with their links.
pub(super) const MAX_NODES: usize = 300_000;
/// Objects that are followed because they hold the same one, such as a label of all series. Any of
/// them leads to a root.
const MAX_HOLDERS: u32 = 1 << 10;
/// Links between them, 12 bytes each.
const MAX_LINKS: usize = 2 << 20;

/// Nothing.
pub(super) const NONE: u32 = u32::MAX;

/// An object that holds a sample, directly or not; or a sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) base: u64,
    /// Bytes of its slot.
    pub(super) size: u64,
    /// The step of the search by which all was looked through for who holds it.
    pub(super) until: u64,
    /// It holds what was explained before: another owner is worth less of a search.
    pub(super) secondary: bool,
    /// The first of the links to what it holds.
    links: u32,
    /// Links to it.
    holders: u32,
    /// By the strength of the root.
    pub(super) owners: [Owner; 3],
    /// Another lasting one, as near.
    pub(super) other: Owner,
}

/// Why an object is kept: the next object on the way to a root.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Owner {
    /// `None` while none is known.
    pub(super) root: Option<Root>,
    /// The holder, `NONE` where the root itself is.
    pub(super) via: u32,
}

impl Default for Owner {
    fn default() -> Self {
        Self {
            root: None,
            via: NONE,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Link {
    child: u32,
    next: u32,
    /// Where in the holder.
    offset: u32,
}

/// Objects and links, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    links: Vec<Link>,
    by_base: HashMap<u64, u32>,
    /// Something was left out, because there was too much of it.
    pub(super) capped: bool,
}

impl Graph {
    pub(super) fn find(&self, base: u64) -> Option<u32> {
        self.by_base.get(&base).copied()
    }

    /// Adds an object; `None` when there are too many.
    pub(super) fn add(&mut self, base: u64, size: u64, until: u64) -> Option<u32> {
        if self.nodes.len() >= MAX_NODES {
            self.capped = true;
            return None;
        }
        let number = self.nodes.len() as u32;
        self.by_base.insert(base, number);
        self.nodes.push(Node {
            base,
            size,
            until,
            secondary: false,
            links: NONE,
            holders: 0,
            owners: [Owner::default(); 3],
            other: Owner::default(),
        });
        Some(number)
    }

    /// Whether another object that holds this one need not be followed.
    pub(super) fn has_enough_holders(&self, node: u32) -> bool {
        self.nodes[node as usize].holders >= MAX_HOLDERS
    }

    /// Whether one without an owner may have it among the holders that were not followed.
    pub(super) fn is_cut(&self) -> bool {
        let mut nodes = 0..self.nodes.len() as u32;
        nodes.any(|node| self.has_enough_holders(node) && self.owner(node).is_none())
    }

    /// Notes that `holder` points to `child`, and lets it explain it.
    pub(super) fn link(&mut self, holder: u32, child: u32, offset: u32) {
        if self.links.len() >= MAX_LINKS {
            self.capped = true;
            return;
        }
        let node = &mut self.nodes[holder as usize];
        let last = self.links.get(node.links as usize);
        if last.is_some_and(|last| last.child == child) {
            return;
        }
        let next = std::mem::replace(&mut node.links, self.links.len() as u32);
        let (owners, other) = (node.owners, node.other);
        self.nodes[child as usize].holders += 1;
        self.links.push(Link {
            child,
            next,
            offset,
        });
        for owner in owners.into_iter().chain([other]) {
            if let Some(root) = owner.root {
                self.explain(child, root, holder);
            }
        }
    }

    /// Says that a root keeps a node, through `via`, and with it what the node holds.
    pub(super) fn explain(&mut self, node: u32, root: Root, via: u32) {
        let strength = root.strength();
        let mut pending = vec![(node, via)];
        while let Some((number, via)) = pending.pop() {
            let node = &mut self.nodes[number as usize];
            let owner = &mut node.owners[strength as usize];
            let new = Owner {
                root: Some(root),
                via,
            };
            if owner.root.is_none() {
                *owner = new;
            } else if owner.root != new.root
                && strength == Strength::Lasting
                && node.other.root.is_none()
            {
                node.other = new;
            } else {
                continue;
            }
            let mut at = node.links;
            while let Some(link) = self.links.get(at as usize) {
                pending.push((link.child, number));
                at = link.next;
            }
        }
    }

    /// What explains a node best.
    pub(super) fn owner(&self, node: u32) -> Option<Root> {
        let owners = self.nodes[node as usize].owners;
        owners.iter().find_map(|owner| owner.root)
    }

    /// Whether nothing more is to be learned about a node.
    pub(super) fn is_settled(&self, node: u32) -> bool {
        self.nodes[node as usize].owners[Strength::Lasting as usize]
            .root
            .is_some()
    }

    /// From a node to the root that explains it: each object, and where in it the next one is held.
    pub(super) fn path(&self, node: u32, of: impl Fn(&Node) -> Owner) -> Vec<Step> {
        let mut steps = vec![Step { node, offset: 0 }];
        let mut at = node;
        // Where another root was found later, the way may lead through itself.
        while let Owner { root: Some(_), via } = of(&self.nodes[at as usize])
            && via != NONE
            && steps.len() < MAX_PATH
        {
            let offset = self.offset(via, at);
            steps.push(Step { node: via, offset });
            at = via;
        }
        steps.reverse();
        steps
    }

    /// Whether a node is seen to hold itself, through few others.
    pub(super) fn is_in_cycle(&self, node: u32) -> bool {
        let (mut seen, mut pending) = (HashSet::new(), vec![node]);
        while let Some(number) = pending.pop()
            && seen.len() < MAX_CYCLE
        {
            let mut at = self.nodes[number as usize].links;
            while let Some(link) = self.links.get(at as usize) {
                if link.child == node {
                    return true;
                }
                if seen.insert(link.child) {
                    pending.push(link.child);
                }
                at = link.next;
            }
        }
        false
    }

    fn offset(&self, holder: u32, child: u32) -> u64 {
        let mut at = self.nodes[holder as usize].links;
        while let Some(link) = self.links.get(at as usize) {
            if link.child == child {
                return u64::from(link.offset);
            }
            at = link.next;
        }
        0
    }
}

/// Objects among which a cycle is looked for.
const MAX_CYCLE: usize = 10_000;

/// Steps of a path; longer ones are chains of the same.
const MAX_PATH: usize = 100_000;

/// An object on the way, and where in it the next one is held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Step {
    pub(super) node: u32,
    pub(super) offset: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const VARIABLE: Root = Root::Variable(0x1000);
    const ANOTHER: Root = Root::Timer;
    const FRAME: Root = Root::Frame(0);

    /// A sample that the second object holds, which the third holds.
    fn chain() -> Graph {
        let mut graph = Graph::default();
        for (base, held) in [(64, None), (128, Some(0)), (192, Some(1))] {
            let node = graph.add(base, 64, 9);
            assert_eq!(node, graph.find(base));
            if let (Some(node), Some(held)) = (node, held) {
                graph.link(node, held, 8);
            }
        }
        graph
    }

    #[test]
    fn enough_holders_are_followed() {
        let mut graph = chain();
        let holders = 1_000_000..1_000_000 + u64::from(MAX_HOLDERS) - 1;
        for holder in holders {
            assert!(!graph.has_enough_holders(0));
            let node = graph.add(holder * 64, 64, 9).unwrap_or(NONE);
            graph.link(node, 0, 8);
        }
        assert!(graph.has_enough_holders(0) && graph.is_cut());
        // One of them leads to a root.
        graph.explain(1, VARIABLE, NONE);
        assert!(!graph.is_cut());
    }

    #[track_caller]
    fn check(roots: &[(u32, Root)], best: Option<Root>, other: Option<Root>) {
        let mut graph = chain();
        for (node, root) in roots {
            graph.explain(*node, *root, NONE);
        }
        let found = (graph.owner(0), graph.nodes[0].other.root);
        assert_eq!(found, (best, other), "{roots:?}");
    }

    #[test]
    fn who_is_explained_explains_what_it_holds() {
        check(&[], None, None);
        check(&[(2, VARIABLE)], Some(VARIABLE), None);
        check(
            &[(2, VARIABLE), (1, ANOTHER)],
            Some(VARIABLE),
            Some(ANOTHER),
        );
        check(&[(2, VARIABLE), (1, VARIABLE)], Some(VARIABLE), None);
        // A frame that works on something does not own it.
        check(&[(0, FRAME), (2, VARIABLE)], Some(VARIABLE), None);
        check(&[(0, FRAME)], Some(FRAME), None);
    }

    #[test]
    fn a_holder_found_later_explains_at_once() {
        let mut graph = chain();
        graph.explain(2, VARIABLE, NONE);
        let late = graph.add(256, 64, 9).unwrap_or(NONE);
        graph.link(0, late, 16);
        assert_eq!(graph.owner(late), Some(VARIABLE));
        let path = graph.path(late, |node| node.owners[0]);
        let steps: Vec<(u32, u64)> = path.iter().map(|step| (step.node, step.offset)).collect();
        assert_eq!(steps, [(2, 8), (1, 8), (0, 16), (3, 0)]);
    }
}
