//! The heap and its spans.
//!
//! Sources: `runtime/mheap.go`, `runtime/mfixalloc.go` of each release; offsets as its compiler
//! writes them into DWARF.

use super::{Arch, since};

/// `mspan` (`runtime/mheap.go`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::go) struct Span {
    pub(in crate::go) size: u64,
    pub(in crate::go) start: u64,
    pub(in crate::go) pages: u64,
    /// `uintptr` up to Go 1.21, then `uint16`.
    pub(in crate::go) slots: u64,
    /// `uint16`.
    pub(in crate::go) allocated: u64,
    /// `uint8`: twice the size class, odd without pointers.
    pub(in crate::go) class: u64,
    /// `uint8`.
    pub(in crate::go) state: u64,
    pub(in crate::go) slot_bytes: u64,
    /// `uint32`.
    pub(in crate::go) sweepgen: u64,
    pub(in crate::go) specials: u64,
}

impl Span {
    pub(super) fn of(minor: u32) -> Option<Self> {
        let at = |steps| since(minor, steps);
        Some(Self {
            size: at(&[
                (11, 152),
                (12, 144),
                (13, 136),
                (18, 144),
                (20, 160),
                (21, 168),
                (22, 160),
            ])?,
            start: at(&[(11, 24)])?,
            pages: at(&[(11, 32)])?,
            slots: at(&[(11, 56), (22, 50)])?,
            allocated: at(&[(11, 96), (21, 104), (22, 96)])?,
            class: at(&[(11, 98), (21, 106), (22, 98)])?,
            state: at(&[(11, 100), (12, 99), (21, 107), (22, 99)])?,
            slot_bytes: at(&[(11, 104), (21, 112), (22, 104)])?,
            sweepgen: at(&[(11, 88), (21, 96), (22, 88)])?,
            specials: at(&[(11, 144), (12, 136), (13, 128), (21, 136), (22, 128)])?,
        })
    }
}

/// `mheap` (`runtime/mheap.go`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::go) struct Heap {
    /// A slice of `*mspan`.
    pub(in crate::go) all_spans: u64,
    /// A slice of `arenaIdx`, from Go 1.12 on.
    pub(in crate::go) arenas: Option<u64>,
    /// `uint32`.
    pub(in crate::go) sweepgen: u64,
    pub(in crate::go) pages_in_use: u64,
    /// The allocator of spans points to `memstats.mspan_sys` from here.
    pub(in crate::go) span_stat: u64,
    /// The allocator of caches points to `memstats.mcache_sys` from here.
    pub(in crate::go) cache_stat: u64,
    /// Bytes of the spans that exist.
    pub(in crate::go) span_bytes: u64,
}

impl Heap {
    // With an offset a line the tables would fill screens.
    #[rustfmt::skip]
    pub(super) fn of(minor: u32, arch: Arch) -> Option<Self> {
        let at = |steps| since(minor, steps);
        // Locks of size classes lie a cache line apart, which is longer on arm64.
        let by_arch = |amd64, arm64| match arch {
            Arch::Amd64 => at(amd64),
            Arch::Arm64 => at(arm64),
        };
        Some(Self {
            all_spans: at(&[
                (11, 4144), (12, 40), (14, 65776), (15, 65848),
                (19, 65856), (20, 65824), (21, 65864),
            ])?,
            arenas: by_arch(
                &[
                    (12, 848), (13, 880), (14, 66576), (15, 66656), (16, 66008), (17, 66024), (18, 66016),
                    (20, 65984), (21, 66032), (22, 66096),
                ],
                &[
                    (12, 848), (13, 880), (14, 66576), (15, 66656), (16, 66008), (17, 66024), (18, 66016),
                    (20, 65984), (21, 66032), (22, 66160),
                ],
            ),
            sweepgen: at(&[
                (11, 4128), (12, 24), (14, 65760), (15, 65832),
                (18, 65840), (19, 65848), (20, 65816), (21, 65856),
            ])?,
            pages_in_use: at(&[
                (11, 4248), (12, 152), (14, 65880), (15, 65960), (16, 65880),
                (18, 65872), (19, 65880), (20, 65848), (21, 65888),
            ])?,
            span_stat: by_arch(
                &[
                    (11, 13552), (12, 9528), (13, 9584), (14, 75280), (15, 101_104), (16, 92272),
                    (17, 92288), (18, 92280), (20, 92240), (21, 92288), (22, 92352), (25, 92376),
                ],
                &[
                    (11, 13552), (12, 9528), (13, 9584), (14, 75280), (15, 101_104), (16, 92272),
                    (17, 92288), (18, 92280), (20, 100_944), (21, 100_992), (22, 101_120), (25, 101_144),
                ],
            )?,
            cache_stat: by_arch(
                &[
                    (11, 13624), (12, 9600), (13, 9656), (14, 75352), (15, 101_176), (16, 92344), (17, 92360),
                    (18, 92352), (20, 92312), (21, 92360), (22, 92424), (25, 92448), (26, 92520),
                ],
                &[
                    (11, 13624), (12, 9600), (13, 9656), (14, 75352), (15, 101_176), (16, 92344), (17, 92360),
                    (18, 92352), (20, 101_016), (21, 101_064), (22, 101_192), (25, 101_216), (26, 101_288),
                ],
            )?,
            span_bytes: by_arch(
                &[
                    (11, 13544), (12, 9520), (13, 9576), (14, 75272), (15, 101_096), (16, 92264),
                    (17, 92280), (18, 92272), (20, 92232), (21, 92280), (22, 92344), (25, 92368),
                ],
                &[
                    (11, 13544), (12, 9520), (13, 9576), (14, 75272), (15, 101_096), (16, 92264),
                    (17, 92280), (18, 92272), (20, 100_936), (21, 100_984), (22, 101_112), (25, 101_136),
                ],
            )?,
        })
    }
}
