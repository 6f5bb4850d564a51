//! `cargo xtask setup`: installs what the build and the tests need, at pinned versions.
//!
//! Everything comes through the clients the user has set up: apt, cargo, rustup and Go's modules.

mod apt;
mod go;
mod rust;

use anyhow::Result;
use tracer_tests::GoVersion;

use crate::step::{self, Step};

const STEPS: &[Step] = &[
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
        name: "bpf-linker 0.13.0 (about 2 minutes)",
        hint: "it needs the LLVM of the system packages, a crate registry and 2 GB of memory",
        present: rust::linker_present,
        install: rust::install_linker,
    },
    Step {
        name: "go",
        hint: "put a `go` of 1.16 or newer first in PATH, or run as root to get Debian's",
        present: go::present,
        install: go::install,
    },
    Step {
        name: "go 1.15.15 for test programs",
        hint: "`go mod download` must work here: see `go env GOPROXY GOSUMDB`",
        present: || go::toolchain_present(GoVersion::GO_1_15),
        install: || go::install_toolchain(GoVersion::GO_1_15),
    },
    Step {
        name: "go 1.26.8 for test programs",
        hint: "`go mod download` must work here: see `go env GOPROXY GOSUMDB`",
        present: || go::toolchain_present(GoVersion::GO_1_26),
        install: || go::install_toolchain(GoVersion::GO_1_26),
    },
];

pub(crate) fn run() -> Result<()> {
    step::run(STEPS)
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
