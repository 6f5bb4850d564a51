//! Go's runtime as the walker has to know it: where it switches stacks, and where it saves what.

use tracer_ebpf::{CodeRange, Landmarks, Target as Wire};

use super::loaded;
use crate::go::{Binary, Table};

/// Tells the kernel side what is known of the runtime in `binary`, if that is enough to find a
/// goroutine's registers.
pub(super) fn describe(binary: &Binary, bias: u64, wire: &mut Wire) -> bool {
    let Some(table) = &binary.table else {
        return false;
    };
    let range = |name: &str| {
        let range = table.function_range(name);
        range.map_or(CodeRange::default(), |range| loaded(&range, bias))
    };
    wire.goexit = range("runtime.goexit");
    let Some(layout) = binary.go_version.as_deref().and_then(Layout::of) else {
        return false;
    };
    wire.trusted = loaded(&table.text_range(), bias);
    wire.systemstack = range("runtime.systemstack");
    wire.systemstack_switch = range("runtime.systemstack_switch");
    wire.asmcgocall = range("runtime.asmcgocall");
    wire.sigpanic = range("runtime.sigpanic");
    wire.landmarks = Landmarks {
        morestack: range("runtime.morestack"),
        mcall: range("runtime.mcall"),
        sigtramp: range("runtime.sigtramp"),
        preempt: range("runtime.asyncPreempt"),
        ..Landmarks::default()
    };
    if layout.switch_hides_caller {
        wire.landmarks.systemstack = wire.systemstack;
    }
    if let Some(callback) = Callback::read(table, &layout) {
        wire.cgocall = range("runtime.cgocall");
        wire.landmarks.callback = range(layout.callback);
        wire.callback_pc = callback.pc;
        wire.callback_caller = callback.caller;
        wire.callback_frame = callback.frame;
    }
    wire.landmarks.all = hull(&wire.landmarks);
    wire.ordinary = ordinary(wire);
    wire.m_curg = layout.curg;
    wire.g_goid = layout.goid;
    wire.g_sched_bp = layout.sched_bp;
    true
}

/// Go's code behind the last place that a walk has to know: all but the runtime, which is linked first.
fn ordinary(wire: &Wire) -> CodeRange {
    let special = [wire.landmarks.all, wire.sigpanic, wire.goexit];
    let last = special.iter().map(|range| range.end).max().unwrap_or(0);
    let CodeRange { start, end } = wire.trusted;
    CodeRange {
        start: last.max(start).min(end),
        end,
    }
}

/// The smallest range around all landmarks that are known.
fn hull(landmarks: &Landmarks) -> CodeRange {
    let Landmarks {
        all: _,
        morestack,
        mcall,
        systemstack,
        callback,
        sigtramp,
        preempt,
    } = *landmarks;
    let ranges = [morestack, mcall, systemstack, callback, sigtramp, preempt];
    let known = || ranges.iter().filter(|range| range.start < range.end);
    CodeRange {
        start: known().map(|range| range.start).min().unwrap_or(0),
        end: known().map(|range| range.end).max().unwrap_or(0),
    }
}

/// Where on a goroutine's stack C was called that called back (`cgocallback` in `asm_*.s`).
struct Callback {
    pc: u32,
    caller: u32,
    frame: u32,
}

impl Callback {
    fn read(table: &Table, layout: &Layout) -> Option<Self> {
        // A call stands in the middle of a function, where its frame has its full size.
        let frame_size = |name| {
            let range = table.function_range(name)?;
            table.stack_depth(range.start + (range.end - range.start) / 2)
        };
        Some(Self {
            // The frame of a callee begins 16 bytes below its caller's stack pointer.
            pc: frame_size(layout.callback)?.checked_add(16)?,
            // Since it leaves a frame, `asmcgocall` saves one word more.
            caller: if layout.switch_hides_caller { 8 } else { 16 },
            frame: frame_size("runtime.cgocall")?,
        })
    }
}

/// What differs between Go versions (`runtime2.go`, `asm_*.s`).
struct Layout {
    /// Offset of `m.curg`.
    curg: u32,
    /// Offset of `g.sched.bp`.
    sched_bp: u32,
    /// Offset of `g.goid`.
    goid: u32,
    /// Assembly that calls leaves no frame, and `systemstack` and `asmcgocall` so hide their caller.
    switch_hides_caller: bool,
    /// The function that runs Go for C.
    callback: &'static str,
}

impl Layout {
    fn of(version: &str) -> Option<Self> {
        let minor: u32 = version
            .strip_prefix("go1.")?
            .split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()?;
        let (curg, sched_bp, goid) = match minor {
            10..=22 => (192, 104, 152),
            23..=24 => (192, 104, 160),
            25..=27 => (184, 96, 152),
            _ => return None,
        };
        Some(Self {
            curg,
            sched_bp,
            goid,
            switch_hides_caller: minor <= 20,
            callback: if minor <= 15 {
                "runtime.cgocallback_gofunc"
            } else {
                "runtime.cgocallback"
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts() {
        let check = |version: &str, expected: Option<(u32, bool, &str)>| {
            let found = Layout::of(version).map(|layout| {
                let callback = layout.callback.trim_start_matches("runtime.");
                (layout.sched_bp, layout.switch_hides_caller, callback)
            });
            assert_eq!(found, expected, "{version}");
        };
        check("go1.15.15", Some((104, true, "cgocallback_gofunc")));
        check("go1.20", Some((104, true, "cgocallback")));
        check("go1.21rc2", Some((104, false, "cgocallback")));
        check("go1.25.5 X:nogreenteagc", Some((96, false, "cgocallback")));
        check("go1.28.0", None);
        check("devel +abc", None);
    }

    const fn range(start: u64, end: u64) -> CodeRange {
        CodeRange { start, end }
    }

    #[test]
    fn ordinary_code_begins_behind_the_last_place_to_know() {
        let check = |sigpanic, landmarks, expected| {
            let wire = Wire {
                trusted: range(10, 90),
                sigpanic,
                landmarks: Landmarks {
                    all: landmarks,
                    ..Landmarks::default()
                },
                ..Wire::default()
            };
            let CodeRange { start, end } = ordinary(&wire);
            assert_eq!((start, end), expected);
        };
        check(range(0, 0), range(0, 0), (10, 90));
        check(range(50, 60), range(20, 30), (60, 90));
        check(range(20, 30), range(50, 60), (60, 90));
        // A program that says so has none.
        check(range(20, 100), range(0, 0), (90, 90));
        check(range(20, 30), range(0, u64::MAX), (90, 90));
    }

    #[test]
    fn the_hull_is_around_what_is_known() {
        let around = |landmarks| {
            let hull = hull(&landmarks);
            (hull.start, hull.end)
        };
        assert_eq!(around(Landmarks::default()), (0, 0));
        let landmarks = Landmarks {
            morestack: range(70, 80),
            preempt: range(20, 30),
            ..Landmarks::default()
        };
        assert_eq!(around(landmarks), (20, 80));
    }
}
