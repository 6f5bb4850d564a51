//! How the heap profile lies in memory, by Go release (`runtime/mprof.go`).

/// What differs between releases. The header of a bucket is the same in all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Layout {
    /// Bytes of a `memRecordCycle`: allocs and frees, until Go 1.26 the bytes of both too.
    pub(super) cycle_size: usize,
    /// Words of a stack, at the most.
    pub(super) max_stack: usize,
    /// The word of the cycle counts from bit 1; bit 0 says whether the cycle was published.
    pub(super) cycle_shift: u32,
}

/// `bucket`: next, allnext, typ, hash, size, nstk; then the stack, then the record.
pub(super) const HEADER_SIZE: usize = 48;
/// `bucketType` of heap allocations.
pub(super) const MEMORY: u64 = 1;
/// `memRecord`: the published counts, and those of three cycles to come.
pub(super) const CYCLES: usize = 4;
/// `memRecord.future`.
pub(super) const FUTURES: u64 = 3;

impl Layout {
    /// That of Go 1.`minor`, if it is known.
    pub(super) const fn of(minor: u32) -> Option<Self> {
        Some(Self {
            cycle_size: match minor {
                10..=26 => 32,
                27 => 16,
                _ => return None,
            },
            // GODEBUG=profstackdepth allows 1024, and Go 1.26 stores two more.
            max_stack: if minor <= 22 { 32 } else { 1026 },
            cycle_shift: if minor <= 18 { 0 } else { 1 },
        })
    }

    /// Whether the bytes are kept beside the counts.
    pub(super) const fn has_bytes(self) -> bool {
        self.cycle_size == 32
    }
}
