//! What a guest has: the tool, Go programs, this program as init, and their shared libraries.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cpio::newc::{Builder, ModeFileType, trailer};
use tracer_tests::GoVersion;

use super::arch::{Arch, Built};

/// This program, as init.
pub(super) const INIT: &str = "/xtask";
/// The guest's `CARGO_TARGET_DIR`, below which the tests look for the tool.
pub(super) const TARGET: &str = "/target";

/// The Go programs that guests have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Program {
    /// Made by Go 1.26, as the next.
    Calls,
    Allocations,
    /// Made by Go 1.15, which gives memory back lazily.
    LazilyFreed,
}

impl Program {
    /// In the guest.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Calls => "/programs/calls",
            Self::Allocations => "/programs/allocations",
            Self::LazilyFreed => "/programs/lazily_freed",
        }
    }
}

/// Packs the archive for all guests of an architecture.
pub(super) fn build(arch: Arch) -> Result<PathBuf> {
    let Built { tool, init } = arch.build()?;
    let mut files = super::libraries::of(&[&tool, &init], arch.compiler())?;
    files.insert(INIT.into(), init);
    files.insert(Path::new(TARGET).join("release/tracer"), tool);
    for (program, name, go) in [
        (Program::Calls, "calls", GoVersion::GO_1_26),
        (Program::Allocations, "allocations", GoVersion::GO_1_26),
        (Program::LazilyFreed, "lazily_freed", GoVersion::GO_1_15),
    ] {
        let built = tracer_tests::Program::build(name, go, arch.flags())?;
        files.insert(program.path().into(), built);
    }
    let directory = tracer_tests::target_directory().join("vm");
    fs::create_dir_all(&directory)?;
    let archive = directory.join(format!("initramfs-{}.cpio", arch.name()));
    pack(&files, &archive).with_context(|| format!("write {}", archive.display()))?;
    Ok(archive)
}

/// Uncompressed: the guest's emulated processor would be slow to unpack it.
fn pack(files: &BTreeMap<PathBuf, PathBuf>, archive: &Path) -> Result<()> {
    let mut out = BufWriter::new(File::create(archive)?);
    let directories: BTreeSet<_> = files
        .keys()
        .flat_map(|path| path.ancestors().skip(1))
        .filter(|path| path.parent().is_some())
        .collect();
    let entry = |path: &Path, kind| {
        let name = path.to_string_lossy();
        Builder::new(name.trim_start_matches('/'))
            .mode(0o755)
            .set_mode_file_type(kind)
    };
    let mut number = 0;
    // Parents come first in the order of paths.
    for directory in directories {
        number += 1;
        let entry = entry(directory, ModeFileType::Directory).ino(number);
        out = entry.write(out, 0).finish()?;
    }
    for (path, source) in files {
        number += 1;
        let mut file = File::open(source).with_context(|| source.display().to_string())?;
        let length = u32::try_from(file.metadata()?.len())?;
        let mut entry = entry(path, ModeFileType::Regular)
            .ino(number)
            .write(out, length);
        io::copy(&mut file, &mut entry)?;
        out = entry.finish()?;
    }
    trailer(out)?
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    Ok(())
}
