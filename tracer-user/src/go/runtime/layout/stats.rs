//! Statistics and the collector's controller.
//!
//! Sources: `runtime/mstats.go`, `runtime/mgc.go`, `runtime/mgcpacer.go` of each release; offsets as its
//! compiler writes them into DWARF.

use super::{GONE, since};

/// `mstats` (`runtime/mstats.go`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::go) struct MemStats {
    pub(in crate::go) heap_sys: Option<u64>,
    pub(in crate::go) heap_inuse: Option<u64>,
    pub(in crate::go) heap_released: Option<u64>,
    pub(in crate::go) heap_live: Option<u64>,
    pub(in crate::go) heap_marked: Option<u64>,
    pub(in crate::go) next_gc: Option<u64>,
    /// Kept up to date until Go 1.15 only.
    pub(in crate::go) stacks_inuse: Option<u64>,
    /// Stacks of threads.
    pub(in crate::go) stacks_sys: u64,
    pub(in crate::go) mspan_sys: u64,
    pub(in crate::go) mcache_sys: u64,
    pub(in crate::go) buckhash_sys: u64,
    pub(in crate::go) gc_sys: u64,
    pub(in crate::go) other_sys: u64,
    pub(in crate::go) last_gc_unix: u64,
    pub(in crate::go) pause_total: u64,
    /// A ring of 256.
    pub(in crate::go) pauses: u64,
    /// `uint32`.
    pub(in crate::go) gc_cycles: u64,
    /// `uint32`.
    pub(in crate::go) forced_gc_cycles: u64,
    /// `float64`.
    pub(in crate::go) gc_cpu_fraction: u64,
    /// Three `heapStatsDelta`.
    pub(in crate::go) heap_stats: Option<u64>,
    pub(in crate::go) size: u64,
}

impl MemStats {
    pub(super) fn of(minor: u32) -> Option<Self> {
        let at = |steps| since(minor, steps);
        Some(Self {
            heap_sys: at(&[(11, 56), (16, 48), (19, GONE)]),
            heap_inuse: at(&[(11, 72), (16, 56), (19, GONE)]),
            heap_released: at(&[(11, 80), (16, 64), (19, GONE)]),
            heap_live: at(&[(11, 5952), (13, 5968), (16, 6000), (17, GONE)]),
            heap_marked: at(&[(11, 5968), (13, 5984), (16, 6016), (17, GONE)]),
            next_gc: at(&[(11, 168), (17, GONE)]),
            stacks_inuse: at(&[(11, 96), (16, 80), (19, GONE)]),
            stacks_sys: at(&[(11, 104), (16, 88), (19, 3544), (25, 3520)])?,
            mspan_sys: at(&[(11, 120), (16, 104), (19, 3552), (25, 3528)])?,
            mcache_sys: at(&[(11, 136), (16, 120), (19, 3560), (25, 3536)])?,
            buckhash_sys: at(&[(11, 144), (16, 128), (19, 3568), (25, 3544)])?,
            gc_sys: at(&[(11, 152), (19, 3576), (25, 3552)])?,
            other_sys: at(&[(11, 160), (19, 3584), (25, 3560)])?,
            last_gc_unix: at(&[(11, 176), (17, 168), (19, 3592), (25, 3568)])?,
            pause_total: at(&[(11, 184), (17, 176), (19, 3600), (25, 3576)])?,
            pauses: at(&[(11, 192), (17, 184), (19, 3608), (25, 3584)])?,
            gc_cycles: at(&[(11, 4288), (17, 4280), (19, 7704), (25, 7680)])?,
            forced_gc_cycles: at(&[(11, 4292), (17, 4284), (19, 7708), (25, 7684)])?,
            gc_cpu_fraction: at(&[(11, 4296), (17, 4288), (19, 7712), (25, 7688)])?,
            heap_stats: at(&[(16, 6024), (17, 5960), (19, 0)]),
            size: at(&[
                (11, 5976),
                (13, 5992),
                (16, 15312),
                (17, 15272),
                (19, 13512),
                (20, 9040),
                (22, 7744),
                (25, 8264),
                (26, 10440),
            ])?,
        })
    }
}

/// `heapStatsDelta` (`runtime/mstats.go`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::go) struct Delta {
    pub(in crate::go) size: Option<u64>,
    pub(in crate::go) committed: Option<u64>,
    pub(in crate::go) released: Option<u64>,
    pub(in crate::go) in_heap: Option<u64>,
    pub(in crate::go) in_stacks: Option<u64>,
    pub(in crate::go) in_work_bufs: Option<u64>,
    pub(in crate::go) in_ptr_scalar_bits: Option<u64>,
}

impl Delta {
    pub(super) fn of(minor: u32) -> Self {
        let at = |steps| since(minor, steps);
        Self {
            size: at(&[(16, 1168), (17, 1176), (25, 1168)]),
            committed: at(&[(16, 0)]),
            released: at(&[(16, 8)]),
            in_heap: at(&[(16, 16)]),
            in_stacks: at(&[(16, 24)]),
            in_work_bufs: at(&[(16, 32)]),
            in_ptr_scalar_bits: at(&[(16, 40), (25, GONE)]),
        }
    }
}

/// `gcControllerState` (`runtime/mgcpacer.go`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::go) struct Controller {
    /// `int32`.
    pub(in crate::go) gc_percent: Option<u64>,
    pub(in crate::go) memory_limit: Option<u64>,
    pub(in crate::go) heap_goal: Option<u64>,
    pub(in crate::go) last_heap_goal: Option<u64>,
    pub(in crate::go) triggered: Option<u64>,
    pub(in crate::go) sweep_min_trigger: Option<u64>,
    pub(in crate::go) heap_live: Option<u64>,
    pub(in crate::go) heap_marked: Option<u64>,
    pub(in crate::go) heap_in_use: Option<u64>,
    pub(in crate::go) heap_released: Option<u64>,
    pub(in crate::go) heap_free: Option<u64>,
    pub(in crate::go) total_alloc: Option<u64>,
    pub(in crate::go) total_free: Option<u64>,
    pub(in crate::go) mapped_ready: Option<u64>,
}

impl Controller {
    pub(super) fn of(minor: u32) -> Self {
        let at = |steps| since(minor, steps);
        Self {
            gc_percent: at(&[(17, 0)]),
            memory_limit: at(&[(19, 8)]),
            heap_goal: at(&[(17, 32), (18, 104), (20, 48), (21, 72)]),
            last_heap_goal: at(&[(17, 40), (18, 112), (19, 128), (20, 72), (21, 96)]),
            triggered: at(&[(19, 120), (20, 64), (21, 88)]),
            sweep_min_trigger: at(&[(19, 112), (20, 56), (21, 80)]),
            heap_live: at(&[(17, 48), (18, 120), (19, 136), (20, 80), (21, 104)]),
            heap_marked: at(&[(17, 64), (18, 168), (19, 184), (20, 128), (21, 152)]),
            heap_in_use: at(&[(19, 304), (20, 248), (21, 272)]),
            heap_released: at(&[(19, 312), (20, 256), (21, 280)]),
            heap_free: at(&[(19, 320), (20, 264), (21, 288)]),
            total_alloc: at(&[(19, 328), (20, 272), (21, 296)]),
            total_free: at(&[(19, 336), (20, 280), (21, 304)]),
            mapped_ready: at(&[(19, 344), (20, 288), (21, 312)]),
        }
    }
}
