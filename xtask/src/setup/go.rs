//! Go: any recent `go` command fetches the pinned toolchains as modules.
//!
//! Debian 12 has Go 1.19, which cannot switch to another toolchain by itself (1.21 can). Yet the
//! official toolchains are ordinary modules: any module client downloads and verifies one. What
//! the newer `go` commands do on top is done here: mark the commands executable, which a module
//! archive cannot say, and give `src/go.mod` the name that a nested module must not have in one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tracer_tests::GoVersion;

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

pub(super) fn toolchain_present(version: GoVersion) -> bool {
    version.command().is_ok()
}

pub(super) fn install_toolchain(version: GoVersion) -> Result<()> {
    let module = version.module()?;
    logged(
        command("go", &["mod", "download", &module])
            .env("GO111MODULE", "on")
            .env("GOFLAGS", "-mod=mod")
            .env("GOTOOLCHAIN", "local")
            .current_dir("/"),
    )?;
    let root = version.root()?;
    make_usable(&root).with_context(|| format!("prepare {}", root.display()))
}

/// Go protects the files of its module cache; as their owner we may change their modes.
fn make_usable(root: &Path) -> Result<()> {
    for directory in command_directories(root)? {
        for entry in fs::read_dir(&directory)? {
            fs::set_permissions(entry?.path(), Permissions::from_mode(0o555))?;
        }
    }
    let source = root.join("src");
    fs::set_permissions(&source, Permissions::from_mode(0o755))?;
    // Renamed into place: `GoVersion::command` takes it for the sign that all is done.
    let unfinished = source.join("go.mod.unfinished");
    fs::copy(source.join("_go.mod"), &unfinished)?;
    fs::rename(unfinished, source.join("go.mod"))?;
    Ok(())
}

/// `bin` and each `pkg/tool/OS_ARCH`.
fn command_directories(root: &Path) -> Result<Vec<PathBuf>> {
    let mut directories = vec![root.join("bin")];
    for entry in fs::read_dir(root.join("pkg/tool"))? {
        directories.push(entry?.path());
    }
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
