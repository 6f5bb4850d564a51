//! Builds programs and their stripped twins.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use tracer_tests::{GoVersion, target_directory, workspace_root};

/// The module of programs that have none of their own.
const MODULE: &str = "programs";

/// What to build, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Build {
    pub(crate) go: GoVersion,
    pub(crate) link: Link,
    pub(crate) program: Program,
}

/// Which program, and how much of it is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    /// Its folder in `tests/programs/symbols`.
    pub(crate) name: &'static str,
    /// Without the parts that import much of the standard library.
    lean: bool,
    /// Of so many functions one is looked up at every instruction, the others at their entry.
    pub(crate) stride: usize,
}

impl Program {
    /// All that makes names and lines hard to tell.
    pub(crate) const FULL: Self = Self {
        name: "hard",
        lean: false,
        stride: 1,
    };
    /// Where the standard library has to be compiled anew: as little of it as will do.
    pub(crate) const LEAN: Self = Self {
        lean: true,
        ..Self::FULL
    };

    /// A real program, with modules from the proxy.
    pub(crate) const fn real(name: &'static str) -> Self {
        Self {
            name,
            lean: false,
            stride: 8,
        }
    }
}

/// How the program is linked; each has a stripped twin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Link {
    Plain,
    Cgo,
    Pie,
    Untrimmed,
    Arm64,
    Arm64Pie,
}

impl Link {
    pub(crate) const ALL: &[Self] = &[
        Self::Plain,
        Self::Cgo,
        Self::Pie,
        Self::Untrimmed,
        Self::Arm64,
        Self::Arm64Pie,
    ];

    /// Whether there is a program to compare. Without `-trimpath` all are untrimmed; PIE for arm64
    /// without a linker for arm64 came with Go 1.15, of those the releases with new tables will do.
    pub(crate) fn is_tested(self, go: GoVersion) -> bool {
        match self {
            Self::Untrimmed => go.trimpath().is_some(),
            Self::Arm64Pie => matches!(go.minor(), 15 | 16 | 18 | 20 | 26 | 27),
            Self::Plain | Self::Cgo | Self::Pie | Self::Arm64 => true,
        }
    }

    /// The program that is linked so. Plain executables and cgo share the compiled standard library,
    /// which each of the others needs compiled in its own way.
    pub(crate) fn program(self) -> Program {
        match self {
            Self::Plain | Self::Cgo => Program::FULL,
            Self::Pie | Self::Untrimmed | Self::Arm64 | Self::Arm64Pie => Program::LEAN,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Cgo => "cgo",
            Self::Pie => "pie",
            Self::Untrimmed => "untrimmed",
            Self::Arm64 => "arm64",
            Self::Arm64Pie => "arm64 pie",
        }
    }

    pub(crate) fn is_pie(self) -> bool {
        matches!(self, Self::Pie | Self::Arm64Pie)
    }

    fn architecture(self) -> &'static str {
        match self {
            Self::Arm64 | Self::Arm64Pie => "arm64",
            Self::Plain | Self::Cgo | Self::Pie | Self::Untrimmed => "amd64",
        }
    }

    fn cgo(self) -> &'static str {
        if self == Self::Cgo { "1" } else { "0" }
    }

    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Pie | Self::Arm64Pie => &["-buildmode=pie"],
            Self::Plain | Self::Cgo | Self::Untrimmed | Self::Arm64 => &[],
        }
    }

    fn trimpath(self, go: GoVersion) -> Option<&'static str> {
        go.trimpath().filter(|_| self != Self::Untrimmed)
    }
}

/// An executable and its stripped twin; gone when dropped.
#[derive(Debug)]
pub(crate) struct Twins {
    pub(crate) plain: PathBuf,
    pub(crate) stripped: PathBuf,
    pub(crate) directory: TempDir,
}

/// Where one test builds; gone when dropped.
#[derive(Debug)]
pub(crate) struct Workshop(TempDir);

impl Workshop {
    pub(crate) fn open() -> Result<Self> {
        let parent = target_directory().join("symbols");
        fs::create_dir_all(&parent)?;
        Ok(Self(TempDir::new_in(parent)?))
    }

    /// Builds a program and its stripped twin.
    pub(crate) fn build(&self, build: Build) -> Result<Twins> {
        let directory = TempDir::new_in(&self.0)?;
        let module = directory.path().join(MODULE);
        build.write(&module)?;
        // Readers of DWARF do not know how Go 1.11 to 1.18 compress it.
        let plain = build.link(&module, "plain", "-compressdwarf=false")?;
        let stripped = build.link(&module, "stripped", "-s -w")?;
        Ok(Twins {
            plain,
            stripped,
            directory,
        })
    }
}

impl Build {
    fn link(self, module: &Path, name: &str, flags: &str) -> Result<PathBuf> {
        let executable = module.join(name);
        let mut go = self.go.command()?;
        go.current_dir(module)
            .env("GOARCH", self.link.architecture())
            .env("CGO_ENABLED", self.link.cgo())
            .args(["build", "-o"])
            .arg(&executable)
            .arg(format!("-ldflags={flags}"))
            .args(self.link.flags())
            .args(self.link.trimpath(self.go));
        if self.go.minor() >= 18 {
            // Nothing about this checkout goes into the program.
            go.arg("-buildvcs=false");
        }
        if self.program.lean {
            go.arg("-tags=lean");
        }
        let output = go
            .arg(format!("./{}", self.package()))
            .output()
            .context("run go build")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "go build: {complaint}");
        Ok(executable)
    }

    /// Copies the sources to where the module is to be.
    fn write(self, module: &Path) -> Result<()> {
        let programs = workspace_root().join("tests/programs/symbols");
        let source = programs.join(self.program.name);
        copy(&source, &module.join(self.package()))?;
        if !self.has_module() {
            let language = self.go.language();
            let text = format!("module {MODULE}\n\ngo {language}\n");
            fs::write(module.join("go.mod"), text)?;
        }
        Ok(())
    }

    /// Whether its `go.mod` is that of the sources.
    fn has_module(self) -> bool {
        self.program.name != Program::FULL.name
    }

    /// Path of the package in its module.
    fn package(self) -> &'static str {
        if self.has_module() {
            ""
        } else {
            self.program.name
        }
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let entries =
        fs::read_dir(from).with_context(|| format!("no test program in {}", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
