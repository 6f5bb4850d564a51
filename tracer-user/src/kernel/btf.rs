//! Offsets of kernel structs, from the kernel's own type information.
//!
//! Format: `include/uapi/linux/btf.h`. A full parse of `vmlinux` takes 80 ms, this scan 3-5:
//! time to the first event is what users wait for.

use std::ops::ControlFlow;

/// The kernel's types, as `/sys/kernel/btf/vmlinux` has them.
pub struct KernelTypes<'a> {
    types: &'a [u8],
    strings: &'a [u8],
}

/// The type information cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the kernel's type information is damaged: {0}")]
pub struct DamagedTypes(&'static str);

const MAGIC: u16 = 0xeb9f;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;

/// One type: its kind, name, and what follows the fixed part.
struct Type<'a> {
    kind: u32,
    bitfields: bool,
    name: u32,
    details: &'a [u8],
}

impl<'a> KernelTypes<'a> {
    /// Reads the header; the types are scanned on demand.
    ///
    /// # Errors
    /// When the header or a section it names is not whole.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DamagedTypes> {
        let magic = bytes.first_chunk().map(|b| u16::from_ne_bytes(*b));
        if magic != Some(MAGIC) {
            return Err(DamagedTypes("no magic number"));
        }
        let field = |at: usize| word(bytes, at).map(|value| value as usize);
        let section = |offset: usize, length: usize| {
            let start = field(4)?.checked_add(field(offset)?)?;
            bytes.get(start..start.checked_add(field(length)?)?)
        };
        Ok(Self {
            types: section(8, 12).ok_or(DamagedTypes("types end early"))?,
            strings: section(16, 20).ok_or(DamagedTypes("strings end early"))?,
        })
    }

    /// Byte offset of a field, `outer.inner` for a field of a struct in a struct.
    #[must_use]
    pub fn offset_of(&self, structure: &str, path: &str) -> Option<u64> {
        let mut members = self.struct_named(structure)?;
        let mut offset = 0;
        let mut parts = path.split('.').peekable();
        while let Some(part) = parts.next() {
            let (at, type_id) = self.member(&members, part)?;
            offset += at;
            if parts.peek().is_some() {
                members = self.by_id(type_id)?;
            }
        }
        Some(offset)
    }

    /// Whether an enumeration has a value of this name.
    #[must_use]
    pub fn has_enumerator(&self, name: &str) -> bool {
        let found = self.scan(|_, found| {
            let here = found.kind == ENUM
                && found
                    .details
                    .chunks_exact(8)
                    .any(|value| word(value, 0).is_some_and(|at| self.is_named(at, name)));
            if here {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        found.is_some()
    }

    fn struct_named(&self, name: &str) -> Option<Type<'a>> {
        self.scan(|_, found| {
            if found.kind == STRUCT && self.is_named(found.name, name) {
                ControlFlow::Break(found)
            } else {
                ControlFlow::Continue(())
            }
        })
    }

    fn by_id(&self, wanted: u32) -> Option<Type<'a>> {
        self.scan(|id, found| {
            if id == wanted {
                ControlFlow::Break(found)
            } else {
                ControlFlow::Continue(())
            }
        })
    }

    /// Byte offset and type of a direct member.
    fn member(&self, of: &Type<'a>, name: &str) -> Option<(u64, u32)> {
        if of.kind != STRUCT && of.kind != UNION {
            return None;
        }
        of.details.chunks_exact(12).find_map(|member| {
            if !self.is_named(word(member, 0)?, name) {
                return None;
            }
            let bits = word(member, 8)?;
            // With bit fields the upper byte is the width.
            let bits = if of.bitfields {
                bits & 0x00ff_ffff
            } else {
                bits
            };
            Some((u64::from(bits / 8), word(member, 4)?))
        })
    }

    /// Calls `visit` for each type with its id, until it breaks.
    fn scan<T>(&self, mut visit: impl FnMut(u32, Type<'a>) -> ControlFlow<T>) -> Option<T> {
        let mut rest = self.types;
        // Id 0 is `void` and has no entry.
        let mut id = 1;
        while let (Some(name), Some(info)) = (word(rest, 0), word(rest, 4)) {
            let kind = (info >> 24) & 0x1f;
            let (details, after) = rest
                .get(12..)?
                .split_at_checked(details_size(kind, info)?)?;
            let found = Type {
                kind,
                bitfields: info >> 31 == 1,
                name,
                details,
            };
            if let ControlFlow::Break(value) = visit(id, found) {
                return Some(value);
            }
            rest = after;
            id += 1;
        }
        None
    }

    fn is_named(&self, at: u32, name: &str) -> bool {
        self.strings.get(at as usize..).is_some_and(|rest| {
            rest.strip_prefix(name.as_bytes())
                .is_some_and(|end| end.first() == Some(&0))
        })
    }
}

/// Bytes after the fixed part of a type.
fn details_size(kind: u32, info: u32) -> Option<usize> {
    let elements = (info & 0xffff) as usize;
    Some(match kind {
        1 | 14 | 17 => 4,
        3 => 12,
        STRUCT | UNION | 15 | 19 => 12 * elements,
        ENUM | 13 => 8 * elements,
        2 | 7..=12 | 16 | 18 => 0,
        _ => return None,
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at.checked_add(4)?)?
        .first_chunk()
        .map(|b| u32::from_ne_bytes(*b))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// `enum e { ON, OFF }; struct inner { u32 x; u32 y; }; struct outer { u64 a; inner b; };`
    fn sample() -> Vec<u8> {
        let strings = b"\0e\0ON\0OFF\0inner\0x\0y\0outer\0a\0b\0";
        let at = |name: &str| {
            let wanted: Vec<u8> = [b"\0", name.as_bytes(), b"\0"].concat();
            strings
                .windows(wanted.len())
                .position(|w| w == wanted)
                .unwrap() as u32
                + 1
        };
        let types: Vec<u32> = [
            &[0, 1 << 24, 4, 32][..],
            &[at("e"), (6 << 24) | 2, 4, at("ON"), 0, at("OFF"), 1],
            &[at("inner"), (4 << 24) | 2, 8, at("x"), 1, 0, at("y"), 1, 32],
            &[
                at("outer"),
                (4 << 24) | 2,
                16,
                at("a"),
                1,
                0,
                at("b"),
                3,
                64,
            ],
        ]
        .concat();
        let types: Vec<u8> = types.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let mut out = MAGIC.to_ne_bytes().to_vec();
        out.extend([1, 0]);
        for word in [
            24,
            0,
            types.len() as u32,
            types.len() as u32,
            strings.len() as u32,
        ] {
            out.extend(u32::to_ne_bytes(word));
        }
        out.extend(types);
        out.extend(strings);
        out
    }

    #[test]
    fn offsets() {
        let bytes = sample();
        let types = KernelTypes::parse(&bytes).unwrap();
        let check = |structure: &str, path: &str, expected| {
            assert_eq!(
                types.offset_of(structure, path),
                expected,
                "{structure}.{path}"
            );
        };
        check("outer", "a", Some(0));
        check("outer", "b", Some(8));
        check("outer", "b.y", Some(12));
        check("inner", "y", Some(4));
        check("inner", "z", None);
        check("outer", "a.x", None);
        check("none", "a", None);
        assert!(types.has_enumerator("OFF"));
        assert!(!types.has_enumerator("OF"));
    }

    #[test]
    fn damage_is_survived() {
        let bytes = sample();
        for end in 0..bytes.len() {
            if let Ok(types) = KernelTypes::parse(&bytes[..end]) {
                let _ = types.offset_of("outer", "b.y");
            }
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(types) = KernelTypes::parse(&flipped) {
                let _ = types.offset_of("outer", "b.y");
            }
        }
    }
}
