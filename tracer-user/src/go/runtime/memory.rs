//! Memory of another process, by address.

use std::borrow::Cow;

/// An address range that could not be read whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no memory to read at {address:#x}, {length} bytes")]
pub struct Unreadable {
    /// Where it begins.
    pub address: u64,
    /// Its bytes.
    pub length: usize,
}

/// A range of another process's memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Part {
    /// Where it begins.
    pub address: u64,
    /// Its bytes.
    pub length: usize,
}

/// Memory of another process, which may change or vanish between two reads.
pub trait Memory {
    /// Fills `into` with the bytes at `address`.
    ///
    /// # Errors
    /// When not all of them can be read; `into` is then undefined.
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable>;

    /// Fills `into` with the bytes of `parts`, one part behind the other, and says how many parts,
    /// from the first on, were read whole. What follows them is undefined.
    ///
    /// `into` is as long as the parts together.
    fn read_many(&self, parts: &[Part], mut into: &mut [u8]) -> usize {
        for (index, part) in parts.iter().enumerate() {
            let Some((bytes, rest)) = into.split_at_mut_checked(part.length) else {
                return index;
            };
            if self.read(part.address, bytes).is_err() {
                return index;
            }
            into = rest;
        }
        parts.len()
    }

    /// What of these parts is worth reading: not what would have to be brought back from the disk.
    fn in_memory<'a>(&self, parts: &'a [Part]) -> Cow<'a, [Part]> {
        Cow::Borrowed(parts)
    }

    /// The little-endian word at `address`.
    ///
    /// # Errors
    /// When it cannot be read.
    fn word(&self, address: u64) -> Result<u64, Unreadable> {
        let mut bytes = [0; 8];
        self.read(address, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Pointer and length of the Go slice at `address`, if its capacity allows for them.
    fn slice(&self, address: u64) -> Option<Slice> {
        let mut bytes = [0; 24];
        self.read(address, &mut bytes).ok()?;
        let (words, _) = bytes.as_chunks::<8>();
        let [pointer, len, capacity] = [0, 1, 2].map(|at| u64::from_le_bytes(words[at]));
        Slice::plausible(pointer, len, capacity)
    }
}

/// More elements than the runtime has of anything: spans of 8 TiB in pages.
const MAX_LEN: u64 = 1 << 30;

/// A Go slice of pointers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Slice {
    /// Its first element.
    pub pointer: u64,
    /// Its elements.
    pub len: u64,
}

impl Slice {
    /// The three words of a slice, if they can be those of one with elements.
    pub(in crate::go) fn plausible(pointer: u64, len: u64, capacity: u64) -> Option<Self> {
        let plausible = pointer != 0
            && pointer.is_multiple_of(8)
            && pointer < 1 << 56
            && (1..=capacity).contains(&len)
            && capacity <= MAX_LEN;
        plausible.then_some(Self { pointer, len })
    }
}
