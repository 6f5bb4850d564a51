//! Builds the programs under `tests/programs`, once per content, Go version and flags.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::go::GoVersion;
use super::host::{build_directory, workspace_root};

/// How a Go program is linked, beside the plain static executable.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Flag {
    /// `-ldflags=-s -w`: no symbol table, no DWARF.
    Stripped,
    /// `-buildmode=pie`.
    Pie,
    /// C code allowed: package `net` resolves through the C library.
    Cgo,
    /// For arm64, on whatever machine this is.
    Arm64,
    /// `-race`: with another allocator's shadow beside the heap. Needs C code.
    Race,
    /// `GOEXPERIMENT=nogreenteagc`: with a collector that is not the release's own (Go 1.26).
    Experiment,
    /// `-buildmode=plugin`: to be loaded by a program with `Cgo`.
    Plugin,
}

/// What takes a C compiler.
const WITH_C: &[Flag] = &[Flag::Cgo, Flag::Plugin, Flag::Race];

/// The directory that stands for the module in file names and import paths.
const MODULE: &str = "programs";

/// What a module of its own consists of, beside its sources.
const MODULE_FILE: &str = "go.mod";
const MODULE_SUMS: &str = "go.sum";

/// Builds programs; has no state of its own.
#[derive(Debug)]
pub struct Program;

impl Program {
    /// The executable of a Go program, built if it is not there yet.
    ///
    /// File names in its tables read `programs/NAME/main.go` wherever the checkout lies (Go 1.13).
    ///
    /// # Errors
    /// If the toolchain is missing, or with the compiler's messages.
    pub fn build(name: &str, go: GoVersion, flags: &[Flag]) -> Result<PathBuf> {
        let sources = Sources::read(&[name, "control"])?;
        let mut key = DefaultHasher::new();
        (go.number(), flags).hash(&mut key);
        cached(
            name,
            &format!("go{}", go.number()),
            &sources,
            key,
            |directory, executable| {
                sources.write(&directory.join(MODULE))?;
                compile_go(name, go, flags, &directory.join(MODULE), executable)
            },
        )
    }

    /// The sources of a Go program with modules of its own as they are compiled: `./NAME` there.
    ///
    /// # Errors
    /// If they cannot be read or written.
    pub fn module(name: &str) -> Result<PathBuf> {
        let directory = build_directory().join(format!("{name}-module"));
        Sources::read(&[name, "control"])?.write(&directory)?;
        Ok(directory)
    }

    /// The executable of a C program with frame pointers, built if it is not there yet.
    ///
    /// # Errors
    /// If there is no C compiler, or with its messages.
    pub fn build_c(name: &str) -> Result<PathBuf> {
        let sources = Sources::read(&[name])?;
        cached(
            name,
            "c",
            &sources,
            DefaultHasher::new(),
            |directory, executable| {
                sources.write(&directory.join(MODULE))?;
                let mut cc = Command::new("cc");
                cc.args([
                    "-O1",
                    "-g",
                    "-Wall",
                    "-Wextra",
                    "-fno-omit-frame-pointer",
                    "-o",
                ])
                .arg(executable)
                .arg(directory.join(MODULE).join(name).join(format!("{name}.c")));
                run_compiler(&mut cc)
            },
        )
    }
}

/// The source files of some folders: relative path and content, sorted.
struct Sources(Vec<(PathBuf, Vec<u8>)>);

impl Sources {
    fn read(folders: &[&str]) -> Result<Self> {
        let programs = workspace_root().join("tests/programs");
        let mut files = Vec::new();
        let mut directories: Vec<PathBuf> =
            folders.iter().map(|folder| programs.join(folder)).collect();
        while let Some(directory) = directories.pop() {
            let entries = fs::read_dir(&directory)
                .with_context(|| format!("no test program in {}", directory.display()))?;
            for entry in entries {
                let path = entry?.path();
                if path.is_dir() {
                    directories.push(path);
                    continue;
                }
                let relative = path.strip_prefix(&programs)?.to_path_buf();
                files.push((relative, fs::read(&path)?));
            }
        }
        files.sort();
        Ok(Self(files))
    }

    fn write(&self, directory: &Path) -> Result<()> {
        for (relative, content) in &self.0 {
            // A program with modules of its own brings the files that name them.
            let is_of_module = [MODULE_FILE, MODULE_SUMS]
                .map(Path::new)
                .contains(&name_of(relative));
            let path = directory.join(if is_of_module {
                name_of(relative)
            } else {
                relative
            });
            fs::create_dir_all(path.parent().unwrap_or(directory))?;
            fs::write(path, content)?;
        }
        Ok(())
    }
}

/// The last part of a path.
fn name_of(path: &Path) -> &Path {
    path.file_name().map_or(path, Path::new)
}

/// Calls `compile` unless an earlier call with the same sources and key has succeeded.
fn cached(
    name: &str,
    kind: &str,
    sources: &Sources,
    mut key: DefaultHasher,
    compile: impl FnOnce(&Path, &Path) -> Result<()>,
) -> Result<PathBuf> {
    sources.0.hash(&mut key);
    let directory = build_directory().join(format!("{name}-{kind}-{:016x}", key.finish()));
    fs::create_dir_all(&directory)?;
    // Tests run in several processes: the first one builds, the others wait.
    let lock = File::create(directory.join("lock"))?;
    lock.lock()
        .with_context(|| format!("lock {}", directory.display()))?;
    let executable = directory.join(name);
    if !executable.exists() {
        let unfinished = directory.join("unfinished");
        compile(&directory, &unfinished).with_context(|| format!("build {name} with {kind}"))?;
        fs::rename(&unfinished, &executable)?;
    }
    Ok(executable)
}

fn compile_go(
    name: &str,
    go: GoVersion,
    flags: &[Flag],
    module: &Path,
    executable: &Path,
) -> Result<()> {
    let own = module.join(MODULE_FILE);
    if !own.exists() {
        fs::write(own, format!("module {MODULE}\n\ngo {}\n", go.language()))?;
    }
    let mut build = go.command()?;
    build
        .current_dir(module)
        .env(
            "CGO_ENABLED",
            if flags.iter().any(|flag| WITH_C.contains(flag)) {
                "1"
            } else {
                "0"
            },
        )
        .args(["build", "-o"])
        .arg(executable)
        .args(go.trimpath());
    if flags.contains(&Flag::Stripped) {
        build.arg("-ldflags=-s -w");
    }
    if flags.contains(&Flag::Arm64) {
        build.env("GOARCH", "arm64");
    }
    if flags.contains(&Flag::Experiment) {
        build.env("GOEXPERIMENT", "nogreenteagc");
    }
    if flags.contains(&Flag::Race) {
        build.arg("-race");
    }
    if flags.contains(&Flag::Plugin) {
        build.arg("-buildmode=plugin");
    }
    if flags.contains(&Flag::Pie) {
        build.arg("-buildmode=pie");
    }
    run_compiler(build.arg(format!("./{name}")))
}

fn run_compiler(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("run {program}"))?;
    if !output.status.success() {
        bail!(
            "{program}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
