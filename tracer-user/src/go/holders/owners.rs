//! From the graph to owners: what each root is called, how many objects it keeps, and how.

use std::collections::BTreeMap;

use tracer_core::event::{HeldSite, Owner, OwnerKind};

use super::Subject;
use super::graph::{Graph, Node, Owner as Via, Step};
use super::module::Module;
use super::objects::Objects;
use super::path::Paths;
use super::roots::Root;
use super::samples::{Samples, Site};
use super::stacks::Stacks;
use super::types::Types;
use super::variables::{Name, Variables, package_of};
use crate::go::runtime::{Memory, ObjectLayout};

/// Who holds less than this part of a site's objects, and none of them alone, is taken for a word
/// that only looks like a pointer: seen with 1 of 60 where the owner of all was another.
const FEW: u64 = 20;

/// Links of a path that are read again, from either end.
const CHECKED: usize = 16;

/// Bytes of an object that are looked through for a pointer to itself.
const MAX_READ: u64 = 64 << 10;

/// What is needed to describe the graph.
pub(super) struct Describe<'d, M: ?Sized> {
    pub(super) subject: &'d Subject<'d, M>,
    pub(super) layout: &'d ObjectLayout,
    pub(super) module: &'d Module,
    pub(super) names: &'d Variables<'d>,
    pub(super) stacks: &'d Stacks,
    pub(super) graph: &'d Graph,
    pub(super) objects: &'d Objects<'d, M>,
}

/// What tells owners apart.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Named {
    kind: OwnerKind,
    name: String,
    used_by: Vec<String>,
}

/// Objects of a site that one owner keeps.
#[derive(Debug, Default)]
struct Share {
    objects: u64,
    shared: u64,
    /// The shortest way.
    steps: Vec<Step>,
}

impl<M: Memory + ?Sized> Describe<'_, M> {
    /// The owners of each site, and the objects of it without one.
    pub(super) fn sites(&self, samples: &Samples) -> Vec<(HeldSite, Vec<u64>)> {
        let types = Types::new(self.subject.memory, self.module.types.clone(), self.layout);
        let mut paths = Paths {
            describe: self,
            types,
        };
        let mut first = 0;
        let mut sites = Vec::new();
        for site in &samples.sites {
            let nodes = first..first + site.objects.len() as u32;
            first = nodes.end;
            sites.push(self.site(site, nodes, &mut paths));
        }
        sites
    }

    fn site(
        &self,
        site: &Site,
        nodes: std::ops::Range<u32>,
        paths: &mut Paths<'_, '_, M>,
    ) -> (HeldSite, Vec<u64>) {
        let mut shares: BTreeMap<Named, Share> = BTreeMap::new();
        let (mut reached, mut others) = (0, Vec::new());
        for node in nodes {
            let found = self.of(node);
            if found.is_empty() {
                others.push(self.graph.nodes[node as usize].base);
                continue;
            }
            reached += 1;
            let with_others = u64::from(found.len() > 1);
            for (named, steps) in found {
                let share = shares.entry(named).or_default();
                if share.objects == 0 || steps.len() < share.steps.len() {
                    share.steps = steps;
                }
                share.objects += 1;
                share.shared += with_others;
            }
        }
        let mut owners: Vec<Owner> = shares
            .into_iter()
            .map(|(named, share)| {
                let path = paths.of(&share.steps);
                Owner {
                    kind: named.kind,
                    name: named.name,
                    used_by: named.used_by,
                    objects: share.objects,
                    shared: share.shared,
                    path,
                }
            })
            .filter(|owner| {
                let few = owner.objects * FEW < reached;
                !(few && owner.shared == owner.objects)
            })
            .collect();
        owners.sort_by_key(|owner| std::cmp::Reverse(owner.objects));
        let held = HeldSite {
            site: site.id,
            object_bytes: site.object_bytes,
            live_bytes: site.live_bytes,
            sampled: site.objects.len() as u64,
            reached,
            owners,
        };
        (held, others)
    }

    /// The owners of one sample that are certain: of one strength only, and told apart by name.
    fn of(&self, node: u32) -> Vec<(Named, Vec<Step>)> {
        let Some(best) = self.graph.owner(node) else {
            return Vec::new();
        };
        let other = self.graph.nodes[node as usize].other.root;
        let other = other.filter(|other| other.strength() == best.strength());
        let mut found: Vec<(Named, Vec<Step>)> = Vec::new();
        for root in [Some(best), other].into_iter().flatten() {
            let steps = self.graph.path(node, |node| owner_by(node, root));
            let Some(named) = self
                .named(root, &steps)
                .filter(|_| self.holds(root, &steps))
            else {
                continue;
            };
            if found.iter().all(|(known, ..)| *known != named) {
                found.push((named, steps));
            }
        }
        found
    }

    fn named(&self, root: Root, steps: &[Step]) -> Option<Named> {
        let named = |kind, name, used_by| {
            Some(Named {
                kind,
                name,
                used_by,
            })
        };
        match root {
            Root::Variable(place) => match self.names.name(self.linked(place))? {
                Name::Symbol(name) => named(OwnerKind::Variable, name, Vec::new()),
                Name::Code(functions) => named(OwnerKind::VariableByCode, String::new(), functions),
                Name::Runtime(_) => None,
            },
            Root::Timer => {
                let called = steps
                    .iter()
                    .find_map(|step| self.closure(self.graph.nodes[step.node as usize].base));
                named(OwnerKind::Timer, called.unwrap_or_default(), Vec::new())
            }
            Root::Frame(number) => {
                let word = self.stacks.words.get(number as usize)?;
                let goroutine = self.stacks.goroutines.get(word.goroutine as usize)?;
                let linked = self.linked(word.pc);
                let frame = self.user_function(linked).or_else(|| self.function(linked));
                let start = self.function(self.linked(goroutine.start))?;
                if start == "runtime.main" {
                    return named(
                        OwnerKind::Goroutine,
                        "main.main".to_owned(),
                        Vec::from_iter(frame),
                    );
                }
                let creator = self.function(self.linked(goroutine.created_at).wrapping_sub(1));
                let used_by = frame.into_iter().chain(creator).collect();
                named(OwnerKind::Goroutine, start, used_by)
            }
            Root::Finalizer(function) | Root::Cleanup(function) | Root::Queued(function) => {
                let name = self.closure(function).unwrap_or_default();
                named(OwnerKind::Finalizer, name, Vec::new())
            }
        }
    }

    /// Reads the way once more: what held something then must hold something still.
    fn holds(&self, root: Root, steps: &[Step]) -> bool {
        let points = |place| {
            let value = self.subject.memory.word(place);
            value.is_ok_and(|value| self.objects.span(value).is_some())
        };
        if let Root::Variable(place) = root
            && !points(place)
        {
            return false;
        }
        if let Root::Frame(number) = root
            && !self.is_in_frame(number, steps)
        {
            return false;
        }
        if matches!(root, Root::Finalizer(_)) && !self.keeps_itself(steps) {
            return false;
        }
        let links = steps.len().saturating_sub(1);
        let checked = |index: &usize| *index < CHECKED || index + CHECKED >= links;
        (0..links).filter(checked).all(|index| {
            let Step { node, offset } = steps[index];
            points(self.graph.nodes[node as usize].base + offset)
        })
    }

    /// Whether the goroutine waits still, and its frame holds the first object of a way. What a frame
    /// held is free when it goes on, and the slot may have got another object since.
    fn is_in_frame(&self, number: u32, steps: &[Step]) -> bool {
        let word = self.stacks.words.get(number as usize);
        let found = word.and_then(|word| {
            let goroutine = self.stacks.goroutines.get(word.goroutine as usize)?;
            Some((word, goroutine))
        });
        let (Some((word, goroutine)), Some(first)) = (found, steps.first()) else {
            return false;
        };
        let Subject {
            memory, globals, ..
        } = *self.subject;
        let node = self.graph.nodes[first.node as usize];
        let object = node.base..node.base + node.size;
        memory
            .word(word.place)
            .is_ok_and(|value| object.contains(&value))
            && goroutine.waits_still(memory, globals)
    }

    /// Whether the first object of a way is reached from itself, so that its finalizer never runs.
    /// Else somebody holds the object, whom the search has not found.
    fn keeps_itself(&self, steps: &[Step]) -> bool {
        let Some(first) = steps.first() else {
            return false;
        };
        let node = self.graph.nodes[first.node as usize];
        let mut bytes = vec![0; node.size.min(MAX_READ) as usize];
        let read = self.subject.memory.read(node.base, &mut bytes);
        let itself = node.base..node.base + node.size;
        let (words, _) = bytes.as_chunks::<8>();
        let points_to_itself = |word: &[u8; 8]| itself.contains(&u64::from_le_bytes(*word));
        (read.is_ok() && words.iter().any(points_to_itself)) || self.graph.is_in_cycle(first.node)
    }

    /// The function of a closure, which its first word begins.
    pub(super) fn closure(&self, at: u64) -> Option<String> {
        let entry = self.linked(self.subject.memory.word(at).ok()?);
        let table = self.subject.table;
        let is_entry = table.function_entry(entry) == Some(entry);
        is_entry.then(|| self.function(entry))?
    }

    /// The function that an address is in.
    fn function(&self, linked: u64) -> Option<String> {
        let frames = self.subject.table.lookup(linked);
        Some(frames.last()?.function.to_string())
    }

    /// The innermost function there that is not the runtime's.
    fn user_function(&self, linked: u64) -> Option<String> {
        let frames = self.subject.table.lookup(linked);
        let user = frames
            .iter()
            .find(|frame| package_of(&frame.function) != "runtime");
        Some(user?.function.to_string())
    }

    fn linked(&self, address: u64) -> u64 {
        address.wrapping_sub(self.subject.bias)
    }
}

/// How a root keeps a node.
pub(super) fn owner_by(node: &Node, root: Root) -> Via {
    let mut all = node.owners.iter().chain([&node.other]);
    let found = all.find(|owner| owner.root == Some(root));
    found.copied().unwrap_or_default()
}
