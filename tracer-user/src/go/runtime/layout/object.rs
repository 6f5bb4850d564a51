//! What leads from an object to who holds it: slots, specials, timers, masks of variables, types.
//!
//! Sources: `runtime/mheap.go`, `runtime/runtime2.go`, `runtime/symtab.go`, `runtime/type.go` and
//! `internal/abi/type.go` of each release; offsets as its compiler writes them into DWARF.

use super::since;

/// Of Go 1.13 and newer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::go) struct Objects {
    pub(in crate::go) span: Slots,
    pub(in crate::go) special: Special,
    pub(in crate::go) module: Module,
    /// Bytes of a `p`.
    pub(in crate::go) p_size: u64,
    /// A slice of timers in a `p`, from Go 1.14 on.
    pub(in crate::go) p_timers: Option<u64>,
    /// Bytes of an element of it.
    pub(in crate::go) timer_step: u64,
    /// Of structure fields the offset is kept doubled (Go 1.18 and older).
    pub(in crate::go) doubled_field_offsets: bool,
    /// The length of a name is two bytes rather than a varint.
    pub(in crate::go) long_name_lengths: bool,
    /// Objects with pointers above this size begin with their type (Go 1.22).
    pub(in crate::go) header_above: Option<u64>,
    /// Stack objects are told by size and mask rather than by type.
    pub(in crate::go) stack_objects_sized: bool,
    /// Bytes of a `stackObjectRecord`.
    pub(in crate::go) stack_object: u64,
}

/// Which slots of a span have an object (`mspan`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::go) struct Slots {
    /// Below this slot all are taken. `u16` from Go 1.22 on, else a word.
    pub(in crate::go) free_index: u64,
    /// A pointer to a bit for each slot, set for what the last collection has found.
    pub(in crate::go) alloc_bits: u64,
    /// The type of the one object with pointers of a large span.
    pub(in crate::go) large_type: Option<u64>,
}

/// `special`: what the runtime keeps about one object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::go) struct Special {
    /// A word, else `u16`.
    pub(in crate::go) wide_offset: bool,
    /// `uint8`.
    pub(in crate::go) kind: u64,
    /// Where what belongs to the kind begins: a bucket, or the function of a finalizer.
    pub(in crate::go) detail: u64,
    pub(in crate::go) finalizer: u8,
    pub(in crate::go) profile: u8,
    pub(in crate::go) cleanup: Option<u8>,
    /// Where the functions and arguments of a cleanup are: one word, from Go 1.26 on two.
    pub(in crate::go) cleanup_words: &'static [u64],
}

/// `moduledata`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::go) struct Module {
    /// `data`; `edata`, `bss`, `ebss`, `noptrbss`, `enoptrbss` follow.
    pub(in crate::go) data: u64,
    pub(in crate::go) data_mask: u64,
    pub(in crate::go) bss_mask: u64,
    /// That of the next module, of a program with plugins.
    pub(in crate::go) next: u64,
    pub(in crate::go) types: u64,
    pub(in crate::go) types_end: u64,
    pub(in crate::go) gofunc: Option<u64>,
}

impl Objects {
    pub(super) fn of(minor: u32) -> Option<Self> {
        let at = |steps| since(minor, steps);
        let bss_mask = at(&[
            (13, 416),
            (16, 496),
            (18, 512),
            (20, 528),
            (21, 552),
            (26, 560),
            (27, 536),
        ])?;
        Some(Self {
            span: Slots {
                free_index: at(&[(13, 48), (18, 136), (20, 152), (21, 160), (22, 52)])?,
                alloc_bits: at(&[(13, 72), (22, 64)])?,
                large_type: at(&[(22, 152)]),
            },
            special: Special {
                wide_offset: minor >= 24,
                kind: at(&[(13, 10), (24, 16)])?,
                detail: at(&[(13, 16), (24, 24)])?,
                finalizer: if minor >= 25 { 2 } else { 1 },
                profile: at(&[(13, 2), (23, 3), (25, 4)])? as u8,
                cleanup: at(&[(24, 6), (25, 7)]).map(|kind| kind as u8),
                cleanup_words: if minor >= 26 { &[32, 40] } else { &[24] },
            },
            module: Module {
                data: at(&[(13, 128), (16, 208)])?,
                data_mask: at(&[
                    (13, 400),
                    (16, 480),
                    (18, 496),
                    (20, 512),
                    (21, 536),
                    (26, 544),
                    (27, 520),
                ])?,
                bss_mask,
                // Behind the mask and a map; `bad`, a byte, came between until Go 1.23.
                next: bss_mask + if minor >= 23 { 24 } else { 32 },
                types: at(&[(13, 200), (16, 280), (20, 296)])?,
                types_end: at(&[(13, 208), (16, 288), (20, 304), (27, 312)])?,
                gofunc: at(&[(18, 304), (20, 320), (27, 344)]),
            },
            p_size: at(&[
                (13, 9088),
                (14, 10216),
                (16, 10064),
                (17, 10000),
                (18, 8888),
                (19, 8912),
                (20, 8904),
                (21, 8912),
                (22, 8944),
                (24, 8952),
                (25, 9512),
                (26, 15920),
            ])?,
            p_timers: at(&[
                (14, 10096),
                (16, 9952),
                (18, 8832),
                (19, 8840),
                (20, 8832),
                (21, 8840),
                (22, 8872),
                (23, 8848),
                (25, 9400),
                (26, 13680),
            ]),
            timer_step: if minor >= 23 { 16 } else { 8 },
            doubled_field_offsets: minor <= 18,
            long_name_lengths: minor <= 16,
            header_above: (minor >= 22).then_some(512),
            stack_objects_sized: minor >= 17,
            stack_object: at(&[(13, 16), (17, 24), (18, 16)])?,
        })
    }
}
