//! Official Go toolchains, as modules from the Go module proxy, and programs built with them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

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

/// Downloads go one after the other, also between tests.
static DOWNLOAD: Mutex<()> = Mutex::new(());

impl Toolchain {
    /// The toolchain of this version, fetched when it is not there yet.
    pub(crate) fn get(version: &str) -> Self {
        let _one_at_a_time = DOWNLOAD.lock();
        let cache = go_env("GOMODCACHE");
        let name = format!("golang.org/toolchain@v0.0.1-go{version}.linux-amd64");
        let module = Path::new(&cache).join(name);
        let root = if module.join("bin/go").exists() {
            module
        } else if go_env("GOVERSION") == format!("go{version}") {
            PathBuf::from(go_env("GOROOT"))
        } else {
            run(
                go().env("GOTOOLCHAIN", format!("go{version}"))
                    .arg("version"),
                None,
            );
            module
        };
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
        run(
            command
                .arg("-ldflags")
                .arg(flags)
                .arg("-o")
                .arg(&output)
                .arg("."),
            None,
        );
        output
    }

    /// Entry and name of each function in the symbol table.
    pub(crate) fn functions(&self, binary: &Path) -> Vec<(u64, String)> {
        let listing = run(self.command().args(["tool", "nm", "-n"]).arg(binary), None);
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

    /// `function`, `file:line` for each address.
    pub(crate) fn addr2line(&self, binary: &Path, addresses: &[u64]) -> Vec<(String, String)> {
        let input = addresses.iter().fold(String::new(), |mut text, address| {
            writeln!(text, "0x{address:x}").unwrap();
            text
        });
        let output = run(
            self.command().args(["tool", "addr2line"]).arg(binary),
            Some(&input),
        );
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(lines.len(), addresses.len() * 2);
        lines
            .chunks(2)
            .map(|pair| (pair[0].to_owned(), pair[1].to_owned()))
            .collect()
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

fn go() -> Command {
    let in_path = Command::new("go").arg("version").output().is_ok();
    let mut command = Command::new(if in_path {
        "go"
    } else {
        "/usr/local/go/bin/go"
    });
    command
        .current_dir(std::env::temp_dir())
        .env("GOENV", "off")
        .env("GOFLAGS", "");
    command
}

fn go_env(name: &str) -> String {
    run(go().env("GOTOOLCHAIN", "local").args(["env", name]), None)
        .trim()
        .to_owned()
}

/// Runs a command to its end; its output must be an answer.
fn run(command: &mut Command, input: Option<&str>) -> String {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.unwrap_or_default().to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
