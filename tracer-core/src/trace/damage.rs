//! What a reader could not read.

/// What is wrong with a trace, as far as it was read; all zero when nothing is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Damage {
    /// The file header is broken; the format was taken from the blocks.
    pub header: bool,
    /// Blocks that are cut off or fail their checksum, and stretches that are no block at all.
    pub damaged_blocks: u64,
    /// Whole blocks that follow later ones: repeated, reordered, or from another trace.
    pub misplaced_blocks: u64,
    /// Whole blocks of a kind this reader does not know.
    pub unknown_blocks: u64,
    /// Events of a kind this reader does not know.
    pub unknown_events: u64,
    /// Events known to be missing before the last whole block.
    pub missing_events: u64,
    /// Bytes that belong to no whole block.
    pub skipped_bytes: u64,
    /// The writer ended the file in good order; else events may be missing at the end.
    pub complete: bool,
}

impl Damage {
    /// Whether all that was written has been read.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self
            == Self {
                complete: true,
                ..Self::default()
            }
    }
}
