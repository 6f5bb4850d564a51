//! The architectures of guests, and how the tool is built for them.

use std::path::PathBuf;

use anyhow::Result;
use tracer_tests::Flag;

use crate::command::{build_tool, cargo, shown};

/// An architecture that guests can have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Arch {
    Amd64,
    Arm64,
}

impl Arch {
    pub(super) const ALL: &[Self] = &[Self::Amd64, Self::Arm64];

    /// Debian's and Go's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// A compiler whose libraries are this architecture's.
    pub(super) const fn compiler(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu-gcc",
            Self::Arm64 => "aarch64-linux-gnu-gcc",
        }
    }

    /// How Go programs are built for it.
    pub(super) const fn flags(self) -> &'static [Flag] {
        match self {
            Self::Amd64 => &[],
            Self::Arm64 => &[Flag::Arm64],
        }
    }

    /// Builds the tool, and this program; tells where they are.
    pub(super) fn build(self) -> Result<Built> {
        match self {
            Self::Amd64 => {
                build_tool()?;
                Ok(Built {
                    tool: tracer_tests::tracer_binary()?,
                    init: std::env::current_exe()?,
                })
            }
            Self::Arm64 => {
                let target = ["build", "--quiet", "--release", "--target", ARM64];
                let both = ["--bin", "tracer", "--bin", "xtask"];
                shown(cargo(&target).args(both).args(FASTER))?;
                let directory = tracer_tests::target_directory().join(ARM64);
                let directory = directory.join("release");
                Ok(Built {
                    tool: directory.join("tracer"),
                    init: directory.join("xtask"),
                })
            }
        }
    }
}

/// What rustup calls it.
const ARM64: &str = "aarch64-unknown-linux-gnu";

/// On an emulated processor nothing is measured, and these builds take most of the time.
const FASTER: [&str; 4] = [
    "--config",
    "profile.release.opt-level=1",
    "--config",
    "profile.release.package.tracer-core.codegen-units=16",
];

/// Executables for an architecture.
pub(super) struct Built {
    /// For amd64 as users get it.
    pub tool: PathBuf,
    /// This program.
    pub init: PathBuf,
}
