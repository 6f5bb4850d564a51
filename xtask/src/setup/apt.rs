//! What comes from Debian.

use anyhow::{Context as _, Result};

use crate::command::{answer, command, logged};

const PACKAGES: &[&str] = &[
    // Go's module client checks certificates, and some crates come with C code.
    "ca-certificates",
    "g++",
    "gcc",
    "git",
    // `llvm-symbolizer`, which the tests ask about DWARF.
    "llvm-22",
    // What bpf-linker is linked with.
    "libpolly-22-dev",
    "libzstd-dev",
    "llvm-22-dev",
    "zlib1g-dev",
];

/// For the kernel matrix.
pub(super) const VM: &[&str] = &[
    "gcc-aarch64-linux-gnu",
    "libc6-dev-arm64-cross",
    "qemu-system-arm",
    "qemu-system-x86",
];

/// What `cargo xtask bench` runs beside the tracer.
pub(super) const PEERS: &[&str] = &["bpftrace", "linux-perf", "strace", "zstd"];

pub(super) fn packages_present() -> bool {
    missing(PACKAGES).is_empty()
}

pub(super) fn all_installed(packages: &[&str]) -> bool {
    packages.iter().all(|package| installed(package))
}

pub(super) fn install_packages() -> Result<()> {
    install(&missing(PACKAGES))
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

fn missing(packages: &[&'static str]) -> Vec<&'static str> {
    packages
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
