//! Goroutines and their scheduler.
//!
//! Source: `runtime/runtime2.go` of each release; offsets as its compiler writes them into DWARF.

use super::since;

/// `g` (`runtime/runtime2.go`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::go) struct G {
    pub(in crate::go) size: u64,
    pub(in crate::go) stack_lo: u64,
    pub(in crate::go) stack_hi: u64,
    /// `syscallsp`; `syscallpc` follows.
    pub(in crate::go) syscall_sp: u64,
    /// `uint32`.
    pub(in crate::go) status: u64,
    pub(in crate::go) goid: u64,
    pub(in crate::go) wait_since: u64,
    /// `uint8`.
    pub(in crate::go) wait_reason: u64,
    pub(in crate::go) parent: Option<u64>,
    pub(in crate::go) creator_pc: u64,
    pub(in crate::go) start_pc: u64,
}

impl G {
    pub(super) fn of(minor: u32) -> Option<Self> {
        let at = |steps| since(minor, steps);
        Some(Self {
            size: at(&[
                (11, 376),
                (17, 392),
                (21, 408),
                (22, 424),
                (23, 432),
                (24, 440),
                (26, 456),
            ])?,
            stack_lo: at(&[(11, 0)])?,
            stack_hi: at(&[(11, 8)])?,
            syscall_sp: at(&[(11, 112), (25, 104)])?,
            status: at(&[(11, 144), (23, 152), (25, 144)])?,
            goid: at(&[(11, 152), (23, 160), (25, 152)])?,
            wait_since: at(&[(11, 168), (23, 176), (25, 168)])?,
            wait_reason: at(&[(11, 176), (23, 184), (25, 176)])?,
            parent: at(&[(21, 272), (23, 280), (25, 272), (26, 280)]),
            creator_pc: at(&[
                (11, 280),
                (17, 296),
                (21, 280),
                (23, 288),
                (25, 280),
                (26, 288),
            ])?,
            start_pc: at(&[
                (11, 296),
                (17, 312),
                (21, 296),
                (23, 304),
                (25, 296),
                (26, 304),
            ])?,
        })
    }
}

/// `p` (`runtime/runtime2.go`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::go) struct P {
    /// `int32`.
    pub(in crate::go) id: u64,
    /// `uint32`.
    pub(in crate::go) status: u64,
    pub(in crate::go) mcache: u64,
    /// `int32`: goroutines that ended and may be used again.
    pub(in crate::go) free_gs: u64,
}

impl P {
    pub(super) fn of(minor: u32) -> Option<Self> {
        let at = |steps| since(minor, steps);
        Some(Self {
            id: at(&[(11, 8), (13, 0)])?,
            status: at(&[(11, 12), (13, 4)])?,
            mcache: at(&[(11, 72), (13, 64), (23, 56)])?,
            free_gs: at(&[
                (11, 3576),
                (13, 3568),
                (14, 3592),
                (18, 2472),
                (23, 2464),
                (26, 2472),
            ])?,
        })
    }
}

/// `schedt` (`runtime/runtime2.go`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::go) struct Sched {
    /// `int64`: threads ever made.
    pub(in crate::go) next_m: u64,
    /// `int64`: of these, gone.
    pub(in crate::go) freed_ms: u64,
    /// `int32`: goroutines of the runtime.
    pub(in crate::go) system_gs: u64,
    /// `int32`: goroutines that ended; from Go 1.25 those with a stack.
    pub(in crate::go) free_gs: u64,
    /// `int32`.
    pub(in crate::go) free_gs_no_stack: Option<u64>,
    /// `int32`.
    pub(in crate::go) max_ms: u64,
}

impl Sched {
    pub(super) fn of(minor: u32) -> Option<Self> {
        let at = |steps| since(minor, steps);
        Some(Self {
            next_m: at(&[(11, 40), (14, 48), (25, 56), (26, 72)])?,
            freed_ms: at(&[(11, 56), (14, 64), (25, 72), (26, 88)])?,
            system_gs: at(&[(11, 64), (14, 72), (25, 80), (26, 96)])?,
            free_gs: at(&[(11, 136), (12, 168), (14, 176), (20, 184), (26, 200)])?,
            free_gs_no_stack: at(&[(25, 200), (26, 216)]),
            max_ms: at(&[(11, 48), (14, 56), (25, 64), (26, 80)])?,
        })
    }
}
