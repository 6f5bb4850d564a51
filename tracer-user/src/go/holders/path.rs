//! The way from an owner to an object, by type, as Go would write it.
//!
//! Types are known where the runtime needs them: behind interfaces, before objects with pointers
//! from Go 1.22 on, in channels; and what they hold follows from them.

use super::graph::Step;
use super::owners::Describe;
use super::types::{Content, Types};
use crate::go::runtime::Memory;

/// What is written where a type is not known.
const UNKNOWN: &str = "…";

/// Names of a path that are told, from either end of a longer one.
const TOLD: usize = 8;

/// `hchan`: where the buffer and the type of elements are.
const CHANNEL_BUFFER: u64 = 16;
const CHANNEL_TYPE: u64 = 32;

/// Names the objects of paths.
pub(super) struct Paths<'p, 'd, M: ?Sized> {
    pub(super) describe: &'p Describe<'d, M>,
    pub(super) types: Types<'d, M>,
}

impl<M: Memory + ?Sized> Paths<'_, '_, M> {
    /// The names of the objects on the way, the sample last; neighbours with one name are one.
    pub(super) fn of(&mut self, steps: &[Step]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut content = None;
        let mut inside_map = false;
        for (index, step) in steps.iter().enumerate() {
            let before = index.checked_sub(1).map(|before| steps[before]);
            content = self.content(before, content, *step);
            let name = content.and_then(|content| self.name(content, *step));
            let Some(name) = name else {
                if !inside_map && names.last().is_none_or(|last| last != UNKNOWN) {
                    names.push(UNKNOWN.to_owned());
                }
                continue;
            };
            let map = map_name(&name);
            inside_map = map.is_some() || is_map_inside(&name);
            let Some(name) = map.or_else(|| (!inside_map).then_some(name)) else {
                continue;
            };
            // What leads to the inside of a map is the map.
            if inside_map && names.last().is_some_and(|last| last == UNKNOWN) {
                names.pop();
            }
            if names.last() != Some(&name) {
                names.push(name);
            }
        }
        if names.len() > 2 * TOLD {
            names.splice(TOLD..names.len() - TOLD, [UNKNOWN.to_owned()]);
        }
        names
    }

    fn name(&mut self, content: Content, step: Step) -> Option<String> {
        if content == Content::Closure {
            let base = self.describe.graph.nodes[step.node as usize].base;
            return Some(format!("func {}", self.describe.closure(base)?));
        }
        self.types.name(content)
    }

    /// What an object is, by what points to it or by what it says itself.
    fn content(
        &mut self,
        before: Option<Step>,
        holder: Option<Content>,
        step: Step,
    ) -> Option<Content> {
        if let Some(own) = self.by_header(step) {
            return Some(own);
        }
        if let (Some(before), Some(holder)) = (before, holder) {
            let skip = self.header_bytes(before);
            let offset = before.offset.checked_sub(skip);
            let by_type = offset.and_then(|offset| self.types.pointed_to(holder, offset));
            if let Some(by_type) = by_type {
                return self.is_at_start(before, step, by_type).then_some(by_type);
            }
        }
        before
            .and_then(|before| {
                let by_interface = self.by_interface(before)?;
                self.is_at_start(before, step, by_interface)
                    .then_some(by_interface)
            })
            .or_else(|| self.by_channel(step))
            .or_else(|| {
                let base = self.describe.graph.nodes[step.node as usize].base;
                self.describe.closure(base).map(|_| Content::Closure)
            })
    }

    /// Whether a pointer is to the beginning of an object, or of an element: the inside of a
    /// structure is of another type than the whole.
    fn is_at_start(&mut self, before: Step, step: Step, content: Content) -> bool {
        let nodes = &self.describe.graph.nodes;
        let base = nodes[step.node as usize].base;
        let place = nodes[before.node as usize].base + before.offset;
        let word = self.describe.subject.memory.word(place);
        let Some(inside) = word.ok().and_then(|word| word.checked_sub(base)) else {
            return false;
        };
        match content {
            Content::Elements(at) => {
                let size = self.types.size(at).unwrap_or(0);
                inside.checked_rem(size).is_some_and(|rest| rest == 0)
            }
            _ => inside == 0,
        }
    }

    /// The type that the allocator keeps before the object, or in its span.
    fn by_header(&mut self, step: Step) -> Option<Content> {
        let node = self.describe.graph.nodes[step.node as usize];
        let above = self.describe.layout.header_above?;
        let span = self.describe.objects.span(node.base)?;
        if !span.has_pointers() || node.size <= above {
            return None;
        }
        let at = if span.class < 2 {
            span.large_type
        } else {
            self.describe.subject.memory.word(node.base).ok()?
        };
        let size = self.types.size(at).filter(|size| *size > 0)?;
        let many = size.checked_mul(2)? <= node.size;
        Some(if many {
            Content::Elements(at)
        } else {
            Content::One(at)
        })
    }

    fn header_bytes(&mut self, step: Step) -> u64 {
        let node = self.describe.graph.nodes[step.node as usize];
        let small = self
            .describe
            .objects
            .span(node.base)
            .is_some_and(|span| span.class >= 2);
        let has = small && self.by_header(step).is_some();
        if has { 8 } else { 0 }
    }

    /// Where the word before the pointer makes it an interface.
    fn by_interface(&mut self, before: Step) -> Option<Content> {
        let holder = self.describe.graph.nodes[before.node as usize];
        let at = holder.base + before.offset.checked_sub(8)?;
        let word = self.describe.subject.memory.word(at).ok()?;
        self.types.behind_interface(word)
    }

    /// A channel says the type and the size of what it carries.
    fn by_channel(&mut self, step: Step) -> Option<Content> {
        let node = self.describe.graph.nodes[step.node as usize];
        if step.offset != CHANNEL_BUFFER || node.size < CHANNEL_TYPE + 8 {
            return None;
        }
        let memory = self.describe.subject.memory;
        let at = memory.word(node.base + CHANNEL_TYPE).ok()?;
        let says = memory.word(node.base + CHANNEL_BUFFER + 8).ok()? & 0xffff;
        (self.types.size(at)? == says).then_some(Content::ChannelOf(at))
    }
}

/// The map that a type of the inside of maps names.
fn map_name(name: &str) -> Option<String> {
    let plain = name.trim_start_matches(['*', '[', ']']);
    if let Some(inside) = plain
        .strip_prefix("map.group")
        .or_else(|| plain.strip_prefix("map.bucket"))
    {
        return Some(format!("map{inside}"));
    }
    (plain == name && name.starts_with("map[")).then(|| name.to_owned())
}

/// Types of which maps are made.
fn is_map_inside(name: &str) -> bool {
    let plain = name.trim_start_matches(['*', '[', ']']);
    plain.starts_with("maps.")
}
