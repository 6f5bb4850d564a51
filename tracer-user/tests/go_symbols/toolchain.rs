//! Official Go toolchains, which `cargo xtask setup` fetches as modules, and programs built with them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// How a test program is built.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Build {
    pub(crate) stripped: bool,
    pub(crate) pie: bool,
    pub(crate) c_code: C,
}

/// How the C code of a test program is linked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum C {
    #[default]
    None,
    Dynamic,
    Static,
}

/// One Go release.
#[derive(Clone, Debug)]
pub(crate) struct Toolchain {
    pub(crate) version: String,
    root: PathBuf,
}

impl Toolchain {
    /// The toolchain of this version, from the module cache.
    pub(crate) fn get(version: &str) -> Self {
        let cache = run(Command::new("go").args(["env", "GOMODCACHE"]));
        let name = format!("golang.org/toolchain@v0.0.1-go{version}.linux-amd64");
        let root = Path::new(cache.trim()).join(name);
        assert!(
            root.join("bin/go").exists(),
            "go {version} is missing: run `cargo xtask setup`"
        );
        Self {
            version: version.to_owned(),
            root,
        }
    }

    /// Builds the test program into `directory`.
    pub(crate) fn build(&self, directory: &Path, build: Build) -> PathBuf {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go_symbols/program");
        let mut name = format!("go{}", self.version);
        let target = directory.join(format!("src-{name}-{:?}", build.c_code));
        std::fs::create_dir_all(&target).unwrap();
        let generic = if self.minor() >= 18 {
            "generic.go"
        } else {
            "plain.go"
        };
        let cgo = (build.c_code != C::None).then_some("cgo.go");
        for file in ["main.go", generic].into_iter().chain(cgo) {
            std::fs::copy(sources.join(file), target.join(file)).unwrap();
        }
        let module = format!("module example.org/sample\n\ngo 1.{}\n", self.minor());
        std::fs::write(target.join("go.mod"), module).unwrap();
        let mut flags = String::new();
        let mut command = self.command();
        command.current_dir(&target).arg("build");
        if build.stripped {
            flags += "-s -w ";
            name += "-stripped";
        }
        if !build.stripped && self.minor() < 19 {
            // Old releases compress in a way that DWARF readers no longer know.
            flags += "-compressdwarf=false ";
        }
        if build.pie {
            command.arg("-buildmode=pie");
            name += "-pie";
        }
        if build.c_code == C::Static {
            flags += "-linkmode external -extldflags -static ";
            name += "-static";
        }
        if build.c_code == C::Dynamic {
            name += "-cgo";
        }
        let output = directory.join(name);
        let cgo = if build.c_code == C::None { "0" } else { "1" };
        command.env("CGO_ENABLED", cgo);
        run(command
            .arg("-ldflags")
            .arg(flags)
            .arg("-o")
            .arg(&output)
            .arg("."));
        output
    }

    /// Entry and name of each function in the symbol table.
    pub(crate) fn functions(&self, binary: &Path) -> Vec<(u64, String)> {
        let listing = run(self.command().args(["tool", "nm", "-n"]).arg(binary));
        let mut functions = Vec::new();
        for line in listing.lines() {
            let mut fields = line.split_whitespace();
            if let (Some(address), Some("T" | "t"), Some(_)) =
                (fields.next(), fields.next(), fields.next())
            {
                let name = line.split_once(['T', 't']).unwrap_or_default().1.trim();
                functions.push((u64::from_str_radix(address, 16).unwrap(), name.to_owned()));
            }
        }
        functions
    }

    pub(crate) fn minor(&self) -> u32 {
        self.version.split('.').nth(1).unwrap().parse().unwrap()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.root.join("bin/go"));
        command
            .env("GOROOT", &self.root)
            .env("GOENV", "off")
            .env("GOFLAGS", "");
        command.env("GOTOOLCHAIN", "local").env("GO111MODULE", "on");
        command
    }
}

/// Runs a command to its end; its output must be an answer.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
