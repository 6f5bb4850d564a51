//! Go's type descriptors: what a type is called, and what lies where in it.
//!
//! Sources: `runtime/type.go` of Go 1.13 to 1.20, `internal/abi/type.go` since.

use std::collections::HashMap;
use std::ops::Range;

use crate::go::bytes::{i32_at, u8_at, u16_at, u64_at};
use crate::go::runtime::{Blocks, Memory, ObjectLayout};

/// Bytes of `_type`; what belongs to the kind follows.
const TYPE: usize = 48;
/// With the fields of any kind that are read.
const WHOLE: usize = TYPE + 24;
/// Longer names are cut.
const MAX_NAME: usize = 256;
/// Fields of a structure.
const MAX_FIELDS: u64 = 1024;
/// Structures in structures.
const MAX_DEPTH: u32 = 32;
/// Bytes that are read of types.
const BUDGET: u64 = 64 << 20;
/// Types that are remembered.
const MAX_KNOWN: usize = 1 << 14;

/// `tflagExtraStar`: the name has a star too many.
const EXTRA_STAR: u8 = 2;

/// `kindMask`, and the kinds that are told apart.
const KIND_MASK: u8 = 31;
const ARRAY: u8 = 17;
const CHAN: u8 = 18;
const FUNC: u8 = 19;
const MAP: u8 = 21;
const POINTER: u8 = 22;
const SLICE: u8 = 23;
const STRING: u8 = 24;
const STRUCT: u8 = 25;

/// The types of a program, read as they are asked for.
pub(super) struct Types<'m, M: ?Sized> {
    blocks: Blocks<'m, M>,
    range: Range<u64>,
    doubled_offsets: bool,
    long_lengths: bool,
    known: HashMap<u64, Option<Type>>,
}

/// What is known of a type.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Type {
    size: u64,
    kind: u8,
    name: String,
    /// What belongs to the kind.
    details: [u64; 3],
}

/// What an object that something points to is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Content {
    /// One of this type.
    One(u64),
    /// An array of this type, of a slice.
    Elements(u64),
    /// The inside of a map of this type.
    Map(u64),
    /// A channel of this type.
    Channel(u64),
    /// A channel of elements of this type.
    ChannelOf(u64),
    /// A function with what it captured.
    Closure,
    /// Text.
    Text,
}

impl<'m, M: Memory + ?Sized> Types<'m, M> {
    pub(super) fn new(memory: &'m M, range: Range<u64>, layout: &ObjectLayout) -> Self {
        Self {
            blocks: Blocks::new(memory, BUDGET),
            range,
            doubled_offsets: layout.doubled_field_offsets,
            long_lengths: layout.long_name_lengths,
            known: HashMap::new(),
        }
    }

    /// Whether a type may be described there.
    pub(super) fn is_type(&mut self, address: u64) -> bool {
        self.get(address).is_some()
    }

    /// What a content is called.
    pub(super) fn name(&mut self, content: Content) -> Option<String> {
        let named = |types: &mut Self, at| Some(types.get(at)?.name);
        match content {
            Content::One(at) => Some(format!("*{}", named(self, at)?)),
            Content::Elements(at) => Some(format!("[]{}", named(self, at)?)),
            Content::Map(at) | Content::Channel(at) => named(self, at),
            Content::ChannelOf(at) => Some(format!("chan {}", named(self, at)?)),
            Content::Text => Some("string".to_owned()),
            Content::Closure => None,
        }
    }

    /// Bytes of a value.
    pub(super) fn size(&mut self, at: u64) -> Option<u64> {
        Some(self.get(at)?.size)
    }

    /// What a word points to that lies `offset` inside of an object of this content.
    pub(super) fn pointed_to(&mut self, holder: Content, offset: u64) -> Option<Content> {
        match holder {
            Content::One(at) => self.within(at, offset, MAX_DEPTH),
            Content::Elements(at) => {
                let size = self.get(at)?.size;
                let offset = offset.checked_rem(size)?;
                self.within(at, offset, MAX_DEPTH)
            }
            Content::ChannelOf(at) => Some(Content::Elements(at)),
            Content::Map(_) | Content::Channel(_) | Content::Closure | Content::Text => None,
        }
    }

    /// The type that a word of an interface names: itself, or in a table of methods.
    pub(super) fn behind_interface(&mut self, word: u64) -> Option<Content> {
        let direct = self.is_type(word).then_some(word);
        let at = direct.or_else(|| {
            let mut bytes = [0; 8];
            self.blocks.read(word.checked_add(8)?, &mut bytes).ok()?;
            let at = u64::from_le_bytes(bytes);
            self.is_type(at).then_some(at)
        })?;
        let boxed = self.get(at)?;
        match boxed.kind {
            POINTER => self
                .is_type(boxed.details[0])
                .then_some(Content::One(boxed.details[0])),
            MAP => Some(Content::Map(at)),
            CHAN => Some(Content::Channel(at)),
            FUNC => Some(Content::Closure),
            _ => Some(Content::One(at)),
        }
    }

    /// What the word at `offset` of a value of this type points to.
    fn within(&mut self, at: u64, offset: u64, depth: u32) -> Option<Content> {
        let found = self.get(at)?;
        let depth = depth.checked_sub(1)?;
        let [first, second, _] = found.details;
        match found.kind {
            POINTER if offset == 0 => self.is_type(first).then_some(Content::One(first)),
            SLICE if offset == 0 => self.is_type(first).then_some(Content::Elements(first)),
            MAP if offset == 0 => Some(Content::Map(at)),
            CHAN if offset == 0 => Some(Content::Channel(at)),
            FUNC if offset == 0 => Some(Content::Closure),
            STRING if offset == 0 => Some(Content::Text),
            ARRAY => {
                let size = self.get(first)?.size;
                self.within(first, offset.checked_rem(size)?, depth)
            }
            STRUCT => {
                let (field, start) = self.field(second, found.details[2], offset)?;
                self.within(field, offset - start, depth)
            }
            _ => None,
        }
    }

    /// Type and offset of the field of a structure that an offset lies in.
    fn field(&mut self, fields: u64, count: u64, offset: u64) -> Option<(u64, u64)> {
        let mut last = None;
        for index in 0..count.min(MAX_FIELDS) {
            let mut bytes = [0; 24];
            self.blocks
                .read(fields.checked_add(index * 24)?, &mut bytes)
                .ok()?;
            let (at, start) = (u64_at(&bytes, 8)?, u64_at(&bytes, 16)?);
            let start = if self.doubled_offsets {
                start >> 1
            } else {
                start
            };
            if start > offset {
                break;
            }
            last = Some((at, start));
        }
        last
    }

    fn get(&mut self, at: u64) -> Option<Type> {
        if !self.range.contains(&at) || !at.is_multiple_of(8) {
            return None;
        }
        if let Some(known) = self.known.get(&at) {
            return known.clone();
        }
        let read = self.read(at);
        if self.known.len() < MAX_KNOWN {
            self.known.insert(at, read.clone());
        }
        read
    }

    fn read(&mut self, at: u64) -> Option<Type> {
        let mut bytes = [0; WHOLE];
        self.blocks.read(at, &mut bytes).ok()?;
        let (size, pointers) = (u64_at(&bytes, 0)?, u64_at(&bytes, 8)?);
        let kind = u8_at(&bytes, 23)? & KIND_MASK;
        let flags = u8_at(&bytes, 20)?;
        let name = self
            .range
            .start
            .checked_add_signed(i64::from(i32_at(&bytes, 40)?))?;
        if pointers > size || size > 1 << 40 || !(1..=26).contains(&kind) {
            return None;
        }
        let name = self.text(name)?;
        let name = match name.strip_prefix('*') {
            Some(rest) if flags & EXTRA_STAR != 0 => rest.to_owned(),
            _ => name,
        };
        let details = [TYPE, TYPE + 8, TYPE + 16].map(|at| u64_at(&bytes, at).unwrap_or(0));
        Some(Type {
            size,
            kind,
            name,
            details,
        })
    }

    /// `name` in the same file: flags, a length, the text.
    fn text(&mut self, at: u64) -> Option<String> {
        if !self.range.contains(&at) {
            return None;
        }
        let mut head = [0; 4];
        self.blocks.read(at, &mut head).ok()?;
        let (length, skip) = if self.long_lengths {
            (usize::from(u16_at(&head, 1)?.swap_bytes()), 3)
        } else if head[1] & 0x80 == 0 {
            (usize::from(head[1]), 2)
        } else {
            (usize::from(head[1] & 0x7f) | usize::from(head[2]) << 7, 3)
        };
        let mut bytes = vec![0; length.min(MAX_NAME)];
        self.blocks.read(at.checked_add(skip)?, &mut bytes).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        (!text.is_empty()).then_some(text)
    }
}
