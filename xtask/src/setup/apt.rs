//! What comes from Debian.

use anyhow::{Context as _, Result};

use crate::command::{answer, command, logged};

const PACKAGES: &[&str] = &[
    // Go's module client checks certificates, and some crates come with C code.
    "ca-certificates",
    "g++",
    "gcc",
    "git",
    // What bpf-linker is linked with.
    "libpolly-22-dev",
    "libzstd-dev",
    "llvm-22-dev",
    "zlib1g-dev",
];

pub(super) fn packages_present() -> bool {
    missing().is_empty()
}

pub(super) fn install_packages() -> Result<()> {
    install(&missing())
}

/// Installs packages after a fresh look at the package lists.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    let advice = || format!("needed: apt-get install {}", packages.join(" "));
    apt(&["update"]).with_context(advice)?;
    apt(&[&["install", "--yes", "--no-install-recommends"], packages].concat()).with_context(advice)
}

fn apt(args: &[&str]) -> Result<()> {
    logged(command("apt-get", args).env("DEBIAN_FRONTEND", "noninteractive")).map(drop)
}

fn missing() -> Vec<&'static str> {
    PACKAGES
        .iter()
        .copied()
        .filter(|package| !installed(package))
        .collect()
}

/// `dpkg-query` fails on an unknown package, and answers `rc` for a removed one.
fn installed(package: &str) -> bool {
    answer(&mut command(
        "dpkg-query",
        &["--show", "--showformat=${db:Status-Abbrev}", package],
    ))
    .is_some_and(|status| status.starts_with("ii"))
}
