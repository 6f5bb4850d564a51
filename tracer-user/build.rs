//! Builds the eBPF programs, or a stub where the BPF tools are missing.
//!
//! `cargo check` must work on any machine; a tool built with the stub says so when it attaches.

use std::{env, fs, path::PathBuf, process::Command};

use anyhow::Context as _;
use aya_build::{Package, Toolchain};

/// The package of the programs, and the name of its binary.
const PACKAGE: &str = "tracer-ebpf";
const PROGRAMS: &str = "tracer-programs";

fn main() -> anyhow::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").context("OUT_DIR is not set")?);
    println!("cargo:rerun-if-env-changed=PATH");
    if Command::new("bpf-linker")
        .arg("--version")
        .output()
        .is_err()
    {
        println!(
            "cargo:warning=no bpf-linker: building without eBPF programs (`cargo xtask setup`)"
        );
        // A path that never exists makes the next build look again.
        println!(
            "cargo:rerun-if-changed={}",
            out.join("bpf-linker-was-missing").display()
        );
        fs::write(out.join(PROGRAMS), [])?;
        return Ok(());
    }
    // SAFETY: a build script has one thread.
    // `build-std` is unstable; the pinned compiler has what it needs.
    unsafe { env::set_var("RUSTC_BOOTSTRAP", "1") };
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").context("no manifest directory")?)
        .join("..")
        .join(PACKAGE);
    let root = root.to_str().context("the project's path is not UTF-8")?;
    let channel = env::var("RUSTUP_TOOLCHAIN").unwrap_or_else(|_| "1.95.0".to_owned());
    let package = Package {
        name: PACKAGE,
        root_dir: root,
        ..Package::default()
    };
    aya_build::build_ebpf([package], Toolchain::Custom(&channel))
}
