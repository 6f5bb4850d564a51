//! The programs of `tests/programs/verdicts`, and what is true of them.

/// What is true of a program.
#[derive(Clone, Copy)]
pub(super) enum Truth {
    /// It leaks, which this rule finds.
    Leak(&'static str),
    /// It does not; where a rule is named, that one says why its memory is large.
    NoLeak(Option<&'static str>),
}

/// A program in `tests/programs/verdicts`: its arguments, and one variable of its environment.
pub(super) struct Fixture(
    pub(super) &'static [&'static str],
    pub(super) [&'static str; 2],
    pub(super) Truth,
);

const fn leak(args: &'static [&'static str], rule: &'static str) -> Fixture {
    Fixture(args, NO_VARIABLE, Truth::Leak(rule))
}

const fn healthy(args: &'static [&'static str]) -> Fixture {
    Fixture(args, NO_VARIABLE, Truth::NoLeak(None))
}

const NO_VARIABLE: [&str; 2] = ["TRACER_VERDICTS", ""];

pub(super) const FIXTURES: &[Fixture] = &[
    leak(&["heap-growth"], "heap-growth"),
    leak(&["near-kept", "25600"], "heap-growth"),
    healthy(&["heap-bounded"]),
    healthy(&["cache-warming"]),
    healthy(&["spike"]),
    leak(&["goroutine-leak"], "goroutine-leak"),
    leak(&["callers"], "goroutine-leak"),
    healthy(&["goroutine-pool"]),
    leak(&["file-mapping-growth"], "file-mapping-growth"),
    healthy(&["file-mapping-read"]),
    leak(&["native-growth"], "native-growth"),
    healthy(&["native-steady"]),
    Fixture(
        &["fragmentation"],
        NO_VARIABLE,
        Truth::NoLeak(Some("fragmentation")),
    ),
    healthy(&["dense"]),
    Fixture(
        &["gc-headroom"],
        ["GOGC", "400"],
        Truth::NoLeak(Some("gc-headroom")),
    ),
    Fixture(
        &["near-spiral", "100", "1024"],
        ["GOMEMLIMIT", "125MiB"],
        Truth::NoLeak(Some("memory-limit")),
    ),
    Fixture(
        &["memory-limit"],
        ["GOMEMLIMIT", "1GiB"],
        Truth::NoLeak(None),
    ),
    leak(&["retained-after-close"], "retained-after-close"),
    healthy(&["released-after-close"]),
    leak(&["client-per-request"], "client-per-request"),
    healthy(&["client-shared"]),
    healthy(&["clients-closed"]),
    leak(&["near-pool", "10", "0"], "client-per-request"),
    leak(&["near-churn", "20"], "client-per-request"),
    healthy(&["near-churn", "0"]),
    leak(&["socket-leak"], "socket-leak"),
    leak(&["near-dropped", "6"], "socket-leak"),
    healthy(&["socket-closed"]),
    leak(&["socket-left"], "socket-leak"),
    healthy(&["ballast"]),
    healthy(&["batches"]),
    healthy(&["connections-idle"]),
    healthy(&["goal-large"]),
    healthy(&["map-shrunk"]),
    healthy(&["pool-buffers"]),
    healthy(&["pool-filling"]),
];
