//! The pinned Go toolchains, which live in Go's own module cache.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail};

use super::host::build_directory;

/// The first release with `go build -trimpath`.
const FIRST_WITH_TRIMPATH: u32 = 13;

/// The first release with `src/go.mod`.
const FIRST_WITH_STD_MODULE: u32 = 13;

/// A test of its own for each release, so that the harness runs them side by side.
#[macro_export]
macro_rules! releases {
    ($test:ident) => {
        $crate::releases! { $test
            go_1_11 "1.11"
            go_1_12 "1.12"
            go_1_13 "1.13"
            go_1_14 "1.14"
            go_1_15 "1.15"
            go_1_16 "1.16"
            go_1_17 "1.17"
            go_1_18 "1.18"
            go_1_19 "1.19"
            go_1_20 "1.20"
            go_1_21 "1.21"
            go_1_22 "1.22"
            go_1_23 "1.23"
            go_1_24 "1.24"
            go_1_25 "1.25"
            go_1_26 "1.26"
            go_1_27 "1.27"
        }
    };
    ($test:ident $($name:ident $number:literal)*) => {
        $(#[test]
        fn $name() -> ::anyhow::Result<()> {
            $test($crate::GoVersion::release($number))
        })*

        #[test]
        fn no_release_is_left_out() {
            let tested = [$($number),*];
            let known = $crate::GoVersion::MINORS.iter().map(|go| go.language());
            assert!(known.eq(tested), "{tested:?}");
        }
    };
}

/// An official Go release, by its full number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GoVersion(&'static str);

impl GoVersion {
    /// Gives memory back with `MADV_FREE`, the first to do so.
    pub const GO_1_12: Self = Self("1.12.17");
    /// Its `runtime.newproc1` does not return the new g.
    pub const GO_1_13: Self = Self("1.13.15");
    /// Returns results on the stack, the last to do so.
    pub const GO_1_16: Self = Self("1.16.15");
    /// In the middle: frame pointers as of old, results in registers.
    pub const GO_1_18: Self = Self("1.18.10");
    /// Its `g.goid` lies where it did before and does after 1.23 and 1.24.
    pub const GO_1_22: Self = Self("1.22.12");
    /// Its `g.goid` lies elsewhere.
    pub const GO_1_24: Self = Self("1.24.11");
    /// Gives memory back with `MADV_FREE`; passes arguments on the stack.
    pub const GO_1_15: Self = Self("1.15.15");
    /// The last whose `systemstack` leaves no frame.
    pub const GO_1_20: Self = Self("1.20.14");
    /// Gives memory back with `MADV_DONTNEED`; its heap starts at a random address.
    pub const GO_1_26: Self = Self("1.26.8");
    /// The newest.
    pub const GO_1_27: Self = Self("1.27.3");
    /// The releases that most tests use.
    pub const ALL: &[Self] = &[Self::GO_1_15, Self::GO_1_26];
    /// The last of each minor release that the tool knows; `cargo xtask setup` installs them.
    pub const MINORS: &[Self] = &[
        Self("1.11.13"),
        Self::GO_1_12,
        Self::GO_1_13,
        Self("1.14.15"),
        Self::GO_1_15,
        Self::GO_1_16,
        Self("1.17.13"),
        Self::GO_1_18,
        Self("1.19.13"),
        Self::GO_1_20,
        Self("1.21.13"),
        Self::GO_1_22,
        Self("1.23.12"),
        Self::GO_1_24,
        Self("1.25.5"),
        Self::GO_1_26,
        Self::GO_1_27,
    ];

    /// Real programs under `tests/programs/symbols`, each with a release that its dependencies
    /// were made for; `cargo xtask setup` fetches them.
    pub const REAL_PROGRAMS: &[(&'static str, Self)] = &[
        ("cloud", Self::GO_1_27),
        ("cluster", Self::GO_1_18),
        ("columns", Self::GO_1_22),
    ];

    /// Programs under `tests/programs` that have modules of their own, likewise.
    pub const MODULE_PROGRAMS: &[(&'static str, Self)] = &[
        ("broker", Self::GO_1_26),
        ("clients", Self::GO_1_27),
        ("clients_2020", Self::GO_1_13),
        ("database", Self::GO_1_26),
        ("grpc_calls", Self::GO_1_27),
        ("grpc_calls_2019", Self::GO_1_13),
        ("grpc_dial", Self::GO_1_27),
        ("secrets", Self::GO_1_27),
        ("store", Self::GO_1_26),
        ("websockets", Self::GO_1_15),
    ];

    /// For example `1.15.15`.
    #[must_use]
    pub const fn number(self) -> &'static str {
        self.0
    }

    /// The last of a minor release, such as `1.15`.
    ///
    /// # Panics
    /// If it is none of [`Self::MINORS`].
    #[must_use]
    pub fn release(language: &str) -> Self {
        let mut all = Self::MINORS.iter();
        let found = all.find(|go| go.language() == language);
        *found.expect("one of the releases")
    }

    /// For example `1.15`, as `go.mod` wants it.
    #[must_use]
    pub fn language(self) -> &'static str {
        self.0
            .rsplit_once('.')
            .map_or(self.0, |(language, _)| language)
    }

    /// For example 15.
    #[must_use]
    pub fn minor(self) -> u32 {
        let minor = self.0.split('.').nth(1);
        minor.and_then(|minor| minor.parse().ok()).unwrap_or(0)
    }

    /// With which nothing about this checkout goes into a program, and the standard library is
    /// compiled once for all tests.
    #[must_use]
    pub fn trimpath(self) -> Option<&'static str> {
        (self.minor() >= FIRST_WITH_TRIMPATH).then_some("-trimpath")
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
        Ok(Path::new(&settings()?[0]).join(self.module()?))
    }

    /// A `go` command of exactly this version that ignores the user's Go settings. All share what
    /// they have compiled: most of the time of the tests goes into standard libraries.
    ///
    /// # Errors
    /// If the toolchain is not installed.
    pub fn command(self) -> Result<Command> {
        let root = self.root()?;
        let go = root.join("bin/go");
        // The last things that `cargo xtask setup` and Go itself do to a toolchain.
        let usable = fs::metadata(&go).is_ok_and(|file| file.permissions().mode() & 0o111 != 0);
        let unfinished =
            self.minor() >= FIRST_WITH_STD_MODULE && !root.join("src/go.mod").is_file();
        if !usable || unfinished {
            bail!("go {} is not installed: run `cargo xtask setup`", self.0);
        }
        let mut command = Command::new(go);
        command
            .envs(SETTINGS.iter().zip(settings()?))
            .env("GOROOT", &root)
            .env("GOENV", "off")
            .env("GOCACHE", build_directory().join("go-cache"))
            // Compiler and linker take a fifth less time so, and a fifth more memory.
            .env("GOGC", "400")
            .env("GOTOOLCHAIN", "local")
            .env("GO111MODULE", "on")
            .env("GOFLAGS", "")
            .env("GOWORK", "off")
            // The index of Go 1.19 does not find the standard library inside a module cache.
            .env("GODEBUG", "goindex=0")
            .env_remove("GOEXPERIMENT");
        Ok(command)
    }
}

/// What the user has set for modules, which `GOENV=off` would hide.
const SETTINGS: [&str; 7] = [
    "GOMODCACHE",
    "GOPROXY",
    "GOSUMDB",
    "GOPRIVATE",
    "GONOPROXY",
    "GONOSUMDB",
    "GOINSECURE",
];

/// The settings, as any `go` command knows them.
fn settings() -> Result<&'static [String]> {
    static VALUES: OnceLock<Vec<String>> = OnceLock::new();
    if let Some(values) = VALUES.get() {
        return Ok(values);
    }
    let output = Command::new("go")
        .arg("env")
        .args(SETTINGS)
        .output()
        .context("run `go env`: is Go installed? `cargo xtask setup` does it")?;
    let text = String::from_utf8(output.stdout)?;
    let values: Vec<String> = text.lines().map(str::to_owned).collect();
    if !output.status.success() || values.len() != SETTINGS.len() || values[0].is_empty() {
        bail!("`go env GOMODCACHE` names no directory");
    }
    Ok(VALUES.get_or_init(|| values))
}
