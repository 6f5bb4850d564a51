//! What comes through rustup and cargo.

use std::path::Path;

use anyhow::Result;

use crate::command::{answer, cargo, command, logged};

/// rustc 1.95 emits LLVM 22 bitcode: the linker's LLVM must not be older.
const LLVM_PREFIX: &str = "/usr/lib/llvm-22";

pub(super) fn source_present() -> bool {
    in_sysroot("lib/rustlib/src/rust/library/core/Cargo.toml")
}

fn in_sysroot(path: &str) -> bool {
    answer(&mut command("rustc", &["--print", "sysroot"]))
        .is_some_and(|sysroot| Path::new(&sysroot).join(path).exists())
}

pub(super) fn add_source() -> Result<()> {
    logged(&mut command("rustup", &["component", "add", "rust-src"])).map(drop)
}

pub(super) fn arm64_present() -> bool {
    in_sysroot("lib/rustlib/aarch64-unknown-linux-gnu/lib")
}

pub(super) fn add_arm64() -> Result<()> {
    logged(&mut command(
        "rustup",
        &["target", "add", "aarch64-unknown-linux-gnu"],
    ))
    .map(drop)
}

pub(super) fn linker_present() -> bool {
    says("bpf-linker", &["--version"], "bpf-linker 0.13.")
}

pub(super) fn install_linker() -> Result<()> {
    let mut install = cargo(&[
        "install",
        "bpf-linker",
        "--version",
        "0.13.0",
        "--locked",
        "--no-default-features",
        "--features",
        "llvm-22",
    ]);
    logged(install.env("LLVM_PREFIX", LLVM_PREFIX)).map(drop)
}

pub(super) fn fuzz_present() -> bool {
    says("cargo-fuzz", &["fuzz", "--version"], "cargo-fuzz 0.13.")
}

pub(super) fn install_fuzz() -> Result<()> {
    logged(&mut cargo(&[
        "install",
        "cargo-fuzz",
        "--version",
        "0.13.2",
        "--locked",
    ]))
    .map(drop)
}

fn says(program: &str, args: &[&str], wanted: &str) -> bool {
    answer(&mut command(program, args)).is_some_and(|version| version.starts_with(wanted))
}
