//! Official Go toolchains, which `cargo xtask setup` fetches as modules, and programs built with them.

use std::path::{Path, PathBuf};
use std::process::Command;

use tracer_tests::GoVersion;

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
pub(crate) struct Toolchain(GoVersion);

impl Toolchain {
    /// The toolchain of this version, from the module cache.
    pub(crate) fn get(version: &str) -> Self {
        let mut known = GoVersion::MINORS.iter();
        Self(*known.find(|go| go.number() == version).unwrap())
    }

    /// Builds the test program into `directory`.
    pub(crate) fn build(&self, directory: &Path, build: Build) -> PathBuf {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go_symbols/program");
        let mut name = format!("go{}", self.0.number());
        let target = directory.join(format!("src-{name}-{:?}", build.c_code));
        std::fs::create_dir_all(&target).unwrap();
        let generic = if self.0.minor() >= 18 {
            "generic.go"
        } else {
            "plain.go"
        };
        let cgo = (build.c_code != C::None).then_some("cgo.go");
        for file in ["main.go", generic].into_iter().chain(cgo) {
            std::fs::copy(sources.join(file), target.join(file)).unwrap();
        }
        let module = format!("module example.org/sample\n\ngo {}\n", self.0.language());
        std::fs::write(target.join("go.mod"), module).unwrap();
        let mut flags = String::new();
        let mut command = self.command();
        command
            .current_dir(&target)
            .arg("build")
            .args(self.0.trimpath());
        if build.stripped {
            flags += "-s -w ";
            name += "-stripped";
        }
        if !build.stripped && self.0.minor() < 19 {
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

    fn command(&self) -> Command {
        self.0.command().unwrap()
    }
}

/// Runs a command to its end; its output must be an answer.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
