//! What goroutines wait for, as `runtime.Stack` prints it.
//!
//! Source: `waitReasonStrings` in `runtime/runtime2.go` of each release.

/// The text of `g.waitreason`, `None` for a number that the release does not have.
pub(super) fn reason(minor: u32, number: u8) -> Option<&'static str> {
    let (_, texts) = REASONS.iter().rev().find(|(first, _)| *first <= minor)?;
    texts.get(usize::from(number)).copied()
}

/// First minor release, and the texts in the order of their numbers.
// A text a line would make it three times as long.
#[rustfmt::skip]
const REASONS: &[(u32, &[&str])] = &[
    (11, &[
        "", "GC assist marking", "IO wait", "chan receive (nil chan)", "chan send (nil chan)",
        "dumping heap", "garbage collection", "garbage collection scan", "panicwait", "select",
        "select (no cases)", "GC assist wait", "GC sweep wait", "chan receive", "chan send",
        "finalizer wait", "force gc (idle)", "semacquire", "sleep", "sync.Cond.Wait",
        "timer goroutine (idle)", "trace reader (blocked)", "wait for GC cycle", "GC worker (idle)",
    ]),
    (13, &[
        "", "GC assist marking", "IO wait", "chan receive (nil chan)", "chan send (nil chan)",
        "dumping heap", "garbage collection", "garbage collection scan", "panicwait", "select",
        "select (no cases)", "GC assist wait", "GC sweep wait", "GC scavenge wait", "chan receive",
        "chan send", "finalizer wait", "force gc (idle)", "semacquire", "sleep", "sync.Cond.Wait",
        "timer goroutine (idle)", "trace reader (blocked)", "wait for GC cycle", "GC worker (idle)",
    ]),
    (14, &[
        "", "GC assist marking", "IO wait", "chan receive (nil chan)", "chan send (nil chan)",
        "dumping heap", "garbage collection", "garbage collection scan", "panicwait", "select",
        "select (no cases)", "GC assist wait", "GC sweep wait", "GC scavenge wait", "chan receive",
        "chan send", "finalizer wait", "force gc (idle)", "semacquire", "sleep", "sync.Cond.Wait",
        "timer goroutine (idle)", "trace reader (blocked)", "wait for GC cycle", "GC worker (idle)",
        "preempted",
    ]),
    (15, &[
        "", "GC assist marking", "IO wait", "chan receive (nil chan)", "chan send (nil chan)",
        "dumping heap", "garbage collection", "garbage collection scan", "panicwait", "select",
        "select (no cases)", "GC assist wait", "GC sweep wait", "GC scavenge wait", "chan receive",
        "chan send", "finalizer wait", "force gc (idle)", "semacquire", "sleep", "sync.Cond.Wait",
        "timer goroutine (idle)", "trace reader (blocked)", "wait for GC cycle", "GC worker (idle)",
        "preempted", "debug call",
    ]),
    (20, &[
        "", "GC assist marking", "IO wait", "chan receive (nil chan)", "chan send (nil chan)",
        "dumping heap", "garbage collection", "garbage collection scan", "panicwait", "select",
        "select (no cases)", "GC assist wait", "GC sweep wait", "GC scavenge wait", "chan receive",
        "chan send", "finalizer wait", "force gc (idle)", "semacquire", "sleep", "sync.Cond.Wait",
        "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock", "trace reader (blocked)",
        "wait for GC cycle", "GC worker (idle)", "GC worker (active)", "preempted", "debug call",
        "GC mark termination", "stopping the world",
    ]),
    (22, &[
        "", "GC assist marking", "IO wait", "chan receive (nil chan)", "chan send (nil chan)",
        "dumping heap", "garbage collection", "garbage collection scan", "panicwait", "select",
        "select (no cases)", "GC assist wait", "GC sweep wait", "GC scavenge wait", "chan receive",
        "chan send", "finalizer wait", "force gc (idle)", "semacquire", "sleep", "sync.Cond.Wait",
        "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock", "trace reader (blocked)",
        "wait for GC cycle", "GC worker (idle)", "GC worker (active)", "preempted", "debug call",
        "GC mark termination", "stopping the world", "flushing proc caches",
        "trace goroutine status", "trace proc status", "page trace flush", "coroutine",
    ]),
    (23, &[
        "", "GC assist marking", "IO wait", "chan receive (nil chan)", "chan send (nil chan)",
        "dumping heap", "garbage collection", "garbage collection scan", "panicwait", "select",
        "select (no cases)", "GC assist wait", "GC sweep wait", "GC scavenge wait", "chan receive",
        "chan send", "finalizer wait", "force gc (idle)", "semacquire", "sleep", "sync.Cond.Wait",
        "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock", "trace reader (blocked)",
        "wait for GC cycle", "GC worker (idle)", "GC worker (active)", "preempted", "debug call",
        "GC mark termination", "stopping the world", "flushing proc caches",
        "trace goroutine status", "trace proc status", "page trace flush", "coroutine",
        "GC weak to strong wait",
    ]),
    (24, &[
        "", "GC assist marking", "IO wait", "chan receive (nil chan)", "chan send (nil chan)",
        "dumping heap", "garbage collection", "garbage collection scan", "panicwait", "select",
        "select (no cases)", "GC assist wait", "GC sweep wait", "GC scavenge wait", "chan receive",
        "chan send", "finalizer wait", "force gc (idle)", "semacquire", "sleep", "sync.Cond.Wait",
        "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock", "sync.WaitGroup.Wait",
        "trace reader (blocked)", "wait for GC cycle", "GC worker (idle)", "GC worker (active)",
        "preempted", "debug call", "GC mark termination", "stopping the world",
        "flushing proc caches", "trace goroutine status", "trace proc status", "page trace flush",
        "coroutine", "GC weak to strong wait", "synctest.Run", "synctest.Wait",
        "chan receive (synctest)", "chan send (synctest)", "select (synctest)",
    ]),
    (25, &[
        "", "GC assist marking", "IO wait", "chan receive (nil chan)", "chan send (nil chan)",
        "dumping heap", "garbage collection", "garbage collection scan", "panicwait", "select",
        "select (no cases)", "GC assist wait", "GC sweep wait", "GC scavenge wait", "chan receive",
        "chan send", "finalizer wait", "force gc (idle)", "GOMAXPROCS updater (idle)", "semacquire",
        "sleep", "sync.Cond.Wait", "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock",
        "sync.WaitGroup.Wait", "trace reader (blocked)", "wait for GC cycle", "GC worker (idle)",
        "GC worker (active)", "preempted", "debug call", "GC mark termination",
        "stopping the world", "flushing proc caches", "trace goroutine status", "trace proc status",
        "page trace flush", "coroutine", "GC weak to strong wait", "synctest.Run", "synctest.Wait",
        "chan receive (durable)", "chan send (durable)", "select (durable)",
        "sync.WaitGroup.Wait (durable)", "cleanup wait",
    ]),
    (26, &[
        "", "GC assist marking", "IO wait", "dumping heap", "garbage collection",
        "garbage collection scan", "panicwait", "GC assist wait", "GC sweep wait",
        "GC scavenge wait", "finalizer wait", "force gc (idle)", "GOMAXPROCS updater (idle)",
        "semacquire", "sleep", "chan receive (nil chan)", "chan send (nil chan)",
        "select (no cases)", "select", "chan receive", "chan send", "sync.Cond.Wait",
        "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock", "sync.WaitGroup.Wait",
        "trace reader (blocked)", "wait for GC cycle", "GC worker (idle)", "GC worker (active)",
        "preempted", "debug call", "GC mark termination", "stopping the world",
        "flushing proc caches", "trace goroutine status", "trace proc status", "page trace flush",
        "coroutine", "GC weak to strong wait", "synctest.Run", "synctest.Wait",
        "chan receive (durable)", "chan send (durable)", "select (durable)",
        "sync.WaitGroup.Wait (durable)", "cleanup wait",
    ]),
];
