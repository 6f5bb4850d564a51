//! Go: any recent `go` command fetches the pinned toolchains as modules.
//!
//! Debian 12 has Go 1.19, which cannot switch to another toolchain by itself (1.21 can). Yet the
//! official toolchains are ordinary modules: any module client downloads and verifies one. What
//! the newer `go` commands do on top is done here: mark the commands executable, which a module
//! archive cannot say, and give `src/go.mod` the name that a nested module must not have in one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use tracer_tests::{GoVersion, Program};

use super::apt;
use crate::command::{answer, command, logged};

/// The first with `go env GOMODCACHE` and with `go mod download` outside of a module.
const OLDEST_MINOR: u32 = 16;

pub(super) fn present() -> bool {
    // `local`: the workspace is no Go module, and no other toolchain is to be fetched for this.
    let version = answer(command("go", &["version"]).env("GOTOOLCHAIN", "local"));
    version
        .as_deref()
        .and_then(minor)
        .is_some_and(|minor| minor >= OLDEST_MINOR)
}

pub(super) fn install() -> Result<()> {
    apt::install(&["golang-go"])?;
    if !present() {
        bail!("the first `go` in PATH is older than 1.{OLDEST_MINOR}");
    }
    Ok(())
}

/// Those of the toolchains that are not there.
pub(super) fn missing(versions: &[GoVersion]) -> Vec<GoVersion> {
    let versions = versions.iter().copied();
    versions
        .filter(|version| version.command().is_err())
        .collect()
}

/// Fetches what is missing, all at once: the client downloads several modules at a time.
pub(super) fn install_toolchains(versions: &[GoVersion]) -> Result<()> {
    let missing = missing(versions);
    let mut download = command("go", &["mod", "download"]);
    for version in &missing {
        download.arg(version.module()?);
    }
    logged(
        download
            .env("GO111MODULE", "on")
            .env("GOFLAGS", "-mod=mod")
            .env("GOTOOLCHAIN", "local")
            .current_dir("/"),
    )?;
    for version in missing {
        let root = version.root()?;
        make_usable(&root).with_context(|| format!("prepare {}", root.display()))?;
    }
    Ok(())
}

/// Whether each program finds its packages without a network.
pub(super) fn modules_present() -> bool {
    let has_all = |program: Result<Command>| {
        program.is_ok_and(|mut list| answer(list.env("GOPROXY", "off")).is_some())
    };
    programs().all(has_all)
}

pub(super) fn install_modules() -> Result<()> {
    for program in programs() {
        logged(&mut program?)?;
    }
    Ok(())
}

/// What one program needs: its toolchain, and its modules if it has some.
pub(super) fn install_for(program: &str, version: GoVersion) -> Result<()> {
    if version.command().is_err() {
        install_toolchains(&[version])?;
    }
    let folder = tracer_tests::workspace_root()
        .join("tests/programs")
        .join(program);
    if folder.join("go.mod").is_file() {
        logged(&mut of_module(program, version)?)?;
    }
    Ok(())
}

/// For each program with modules of its own what fetches them.
fn programs() -> impl Iterator<Item = Result<Command>> {
    let symbols = tracer_tests::workspace_root().join("tests/programs/symbols");
    let real = GoVersion::REAL_PROGRAMS.iter();
    let real = real.map(move |(name, version)| packages(&symbols.join(name), ".", *version));
    let modules = GoVersion::MODULE_PROGRAMS.iter();
    real.chain(modules.map(|(name, version)| of_module(name, *version)))
}

fn of_module(name: &str, version: GoVersion) -> Result<Command> {
    packages(&Program::module(name)?, &format!("./{name}"), version)
}

/// Lists the packages of a program; fetches the modules of those it meets, and no others.
fn packages(folder: &Path, program: &str, version: GoVersion) -> Result<Command> {
    let mut list = version.command()?;
    list.args(["list", "-deps", program])
        .env("CGO_ENABLED", "0")
        .current_dir(folder);
    Ok(list)
}

/// Go protects the files of its module cache; as their owner we may change their modes.
fn make_usable(root: &Path) -> Result<()> {
    let source = root.join("src");
    let packed = source.join("_go.mod");
    // The standard library is a module from Go 1.13 on.
    if packed.is_file() {
        fs::set_permissions(&source, Permissions::from_mode(0o755))?;
        let unfinished = source.join("go.mod.unfinished");
        fs::copy(packed, &unfinished)?;
        fs::rename(unfinished, source.join("go.mod"))?;
    }
    // `bin` comes last: `GoVersion::command` takes an executable `go` for the sign that all is done.
    for directory in command_directories(root)? {
        for entry in fs::read_dir(&directory)? {
            fs::set_permissions(entry?.path(), Permissions::from_mode(0o555))?;
        }
    }
    Ok(())
}

/// Each `pkg/tool/OS_ARCH`, then `bin`.
fn command_directories(root: &Path) -> Result<Vec<PathBuf>> {
    let mut directories = Vec::new();
    for entry in fs::read_dir(root.join("pkg/tool"))? {
        directories.push(entry?.path());
    }
    directories.push(root.join("bin"));
    Ok(directories)
}

/// 19 of `go version go1.19.8 linux/amd64`; a development version has none.
fn minor(version: &str) -> Option<u32> {
    let number = version.strip_prefix("go version go1.")?;
    let digits = number
        .find(|char: char| !char.is_ascii_digit())
        .unwrap_or(number.len());
    number[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(version: &str, expected: Option<u32>) {
        assert_eq!(minor(version), expected);
    }

    #[test]
    fn versions() {
        check("go version go1.19.8 linux/amd64", Some(19));
        check("go version go1.26rc1 linux/arm64", Some(26));
        check("go version go1.9", Some(9));
        check("go version devel +abc linux/amd64", None);
        check("gccgo (Debian) 12.2", None);
        check("", None);
    }
}
