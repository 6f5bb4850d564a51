//! Builds the eBPF programs, or a stub where the BPF tools are missing.
//!
//! `cargo check` must work on any machine; a tool built with the stub says so when it attaches.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;
use aya_build::{Package, Toolchain};
use object::build::elf::{Builder, SectionData};

/// The package of the programs, and the names of its binaries: the tool's, and a bench's.
const PACKAGE: &str = "tracer-ebpf";
const BINARIES: [&str; 2] = ["tracer-programs", "tracer-get-stack"];

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
        for binary in BINARIES {
            fs::write(out.join(binary), [])?;
        }
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
    aya_build::build_ebpf([package], Toolchain::Custom(&channel))?;
    for binary in BINARIES {
        strip(&out.join(binary)).with_context(|| format!("strip {binary}"))?;
    }
    Ok(())
}

/// Takes out what only a debugger reads: nine tenths of the file.
fn strip(path: &Path) -> anyhow::Result<()> {
    let object = fs::read(path)?;
    let mut builder = Builder::read(object.as_slice())?;
    for section in &mut builder.sections {
        section.delete =
            section.name.starts_with(b".debug_") || section.name.starts_with(b".rel.debug_");
    }
    builder.delete_orphans();
    // LLVM keeps the names of sections and of symbols together.
    let names = builder.sections.add();
    names.name = b".shstrtab"[..].into();
    names.sh_type = object::elf::SHT_STRTAB;
    names.data = SectionData::SectionString;
    let mut stripped = Vec::new();
    builder.write(&mut stripped)?;
    Ok(fs::write(path, stripped)?)
}
