//! The pinned Go toolchains, which live in Go's own module cache.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail};

/// An official Go release, by its full number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GoVersion(&'static str);

impl GoVersion {
    /// Gives memory back with `MADV_FREE`; passes arguments on the stack.
    pub const GO_1_15: Self = Self("1.15.15");
    /// Gives memory back with `MADV_DONTNEED`; its heap starts at a random address.
    pub const GO_1_26: Self = Self("1.26.8");
    /// All that the tests use; `cargo xtask setup` installs them.
    pub const ALL: &[Self] = &[Self::GO_1_15, Self::GO_1_26];

    /// For example `1.15.15`.
    #[must_use]
    pub const fn number(self) -> &'static str {
        self.0
    }

    /// For example `1.15`, as `go.mod` wants it.
    #[must_use]
    pub fn language(self) -> &'static str {
        self.0
            .rsplit_once('.')
            .map_or(self.0, |(language, _)| language)
    }

    /// The module that carries the toolchain, with its version.
    ///
    /// # Errors
    /// On an architecture that the tests do not know.
    pub fn module(self) -> Result<String> {
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => bail!("no Go toolchain is pinned for {other}"),
        };
        Ok(format!(
            "golang.org/toolchain@v0.0.1-go{}.linux-{arch}",
            self.0
        ))
    }

    /// Where the toolchain is, or will be: its `GOROOT`.
    ///
    /// # Errors
    /// If there is no `go` command to ask for the module cache.
    pub fn root(self) -> Result<PathBuf> {
        Ok(module_cache()?.join(self.module()?))
    }

    /// A `go` command of exactly this version that ignores the user's Go settings.
    ///
    /// # Errors
    /// If the toolchain is not installed.
    pub fn command(self) -> Result<Command> {
        let root = self.root()?;
        let go = root.join("bin/go");
        // The last thing that `cargo xtask setup` does to a toolchain.
        if !root.join("src/go.mod").is_file() {
            bail!("go {} is not installed: run `cargo xtask setup`", self.0);
        }
        let mut command = Command::new(go);
        command
            .env("GOROOT", &root)
            .env("GOENV", "off")
            .env("GOTOOLCHAIN", "local")
            .env("GO111MODULE", "on")
            .env("GOFLAGS", "")
            .env("GOWORK", "off")
            .env_remove("GOEXPERIMENT")
            .env_remove("GODEBUG");
        Ok(command)
    }
}

/// Go's module cache, as any `go` command knows it.
fn module_cache() -> Result<&'static PathBuf> {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    if let Some(cache) = CACHE.get() {
        return Ok(cache);
    }
    let output = Command::new("go")
        .args(["env", "GOMODCACHE"])
        .output()
        .context("run `go env`: is Go installed? `cargo xtask setup` does it")?;
    let path = String::from_utf8(output.stdout)?;
    if !output.status.success() || path.trim().is_empty() {
        bail!("`go env GOMODCACHE` names no directory");
    }
    Ok(CACHE.get_or_init(|| PathBuf::from(path.trim())))
}
