//! `cargo xtask setup`: installs what the build and the tests need, at pinned versions.
//!
//! Everything comes through the clients the user has set up: apt, cargo, rustup and Go's modules.

mod apt;
mod go;
mod rust;

use std::thread;

use anyhow::Result;
use tracer_tests::{GoVersion, Story};

use crate::step::{self, Step};

const SYSTEM: &[Step] = &[
    Step {
        name: "rust-src",
        hint: "`rustup component add rust-src` must work: the BPF target has no prebuilt core",
        present: rust::source_present,
        install: rust::add_source,
    },
    Step {
        name: "system packages",
        hint: "needs Debian 12 or newer, root, and apt sources with the security updates",
        present: apt::packages_present,
        install: apt::install_packages,
    },
    Step {
        name: "go",
        hint: "put a `go` of 1.16 or newer first in PATH, or run as root to get Debian's",
        present: go::present,
        install: go::install,
    },
];

const LINKER: &[Step] = &[Step {
    name: "bpf-linker 0.13.0 (about 2 minutes)",
    hint: "it needs the LLVM of the system packages, a crate registry and 2 GB of memory",
    present: rust::linker_present,
    install: rust::install_linker,
}];

const PROGRAMS: &[Step] = &[Step {
    name: "go 1.15 and 1.26 for test programs",
    hint: "`go mod download` must work here: see `go env GOPROXY GOSUMDB`",
    present: || go::missing(GoVersion::ALL).is_empty(),
    install: || go::install_toolchains(GoVersion::ALL),
}];

const TESTS: &[Step] = &[
    Step {
        name: "go 1.11 to 1.27 for test programs",
        hint: "`go mod download` must work here, and 8 GB be free: see `go env GOPROXY GOSUMDB`",
        present: || go::missing(GoVersion::MINORS).is_empty(),
        install: || go::install_toolchains(GoVersion::MINORS),
    },
    Step {
        name: "modules of test programs",
        hint: "`go mod download` must work here: see `go env GOPROXY GOSUMDB`",
        present: go::modules_present,
        install: go::install_modules,
    },
];

const VM: &[Step] = &[
    Step {
        name: "QEMU and a compiler for arm64",
        hint: "needs root and Debian's package sources",
        present: || apt::all_installed(apt::VM),
        install: || apt::install(apt::VM),
    },
    Step {
        name: "Rust's standard library for arm64",
        hint: "`rustup target add` must work here",
        present: rust::arm64_present,
        install: rust::add_arm64,
    },
];

/// All that any command needs.
pub(crate) fn run() -> Result<()> {
    step::run(SYSTEM)?;
    // One is compiled, the others are fetched.
    thread::scope(|scope| {
        let linker = scope.spawn(|| step::run(LINKER));
        step::run(TESTS)?;
        linker.join().expect("installing does not panic")
    })?;
    step::run(VM)
}

/// What every build needs.
fn build() -> Result<()> {
    step::run(SYSTEM)?;
    step::run(LINKER)
}

/// What the build and `cargo xtask vm` need.
pub(crate) fn vm() -> Result<()> {
    build()?;
    step::run(PROGRAMS)?;
    step::run(VM)
}

/// What the build and `cargo xtask demo` of a story need.
pub(crate) fn demo(story: &Story) -> Result<()> {
    build()?;
    go::install_for(story.program, story.go).map_err(|error| {
        let hint = "`go mod download` must work here: see `go env GOPROXY GOSUMDB`";
        step::failure(
            format!("go and modules for {}: {error:#}", story.name),
            hint,
        )
    })
}

/// The tools that `cargo xtask bench` compares with.
pub(crate) fn peers() -> Result<()> {
    step::run(&[Step {
        name: "bpftrace, perf, strace, zstd",
        hint: "needs root, and Debian's package sources",
        present: || apt::all_installed(apt::PEERS),
        install: || apt::install(apt::PEERS),
    }])
}

/// Only what `cargo xtask fuzz` needs beyond the rest.
pub(crate) fn fuzz() -> Result<()> {
    step::run(&[Step {
        name: "cargo-fuzz 0.13.2 (about 1 minute)",
        hint: "it needs a crate registry and a C++ compiler",
        present: rust::fuzz_present,
        install: rust::install_fuzz,
    }])
}
