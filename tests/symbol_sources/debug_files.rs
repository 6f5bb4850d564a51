//! Debug information that was split off: looked for below the root directory of the target only.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tracer_tests::copy_executable;

use super::scene::{Library, function, stack, start, watch};

/// A root directory with the program, its stripped library, and what both need to run.
struct Root {
    library: Library,
}

impl Root {
    fn new() -> Result<Self> {
        let library = Library::new(&[])?;
        library.run(
            "objcopy",
            &["--only-keep-debug", "libsample.so", "sample.debug"],
            &[],
        )?;
        library.run("strip", &["--strip-all", "libsample.so"], &[])?;
        let link = "--add-gnu-debuglink=sample.debug";
        library.run("objcopy", &[link, "libsample.so"], &[])?;
        let root = Self { library };
        fs::create_dir_all(root.below("srv"))?;
        for name in ["main", "libsample.so"] {
            copy_executable(&root.library.path(name), &root.below("srv").join(name))?;
        }
        let ldd = Command::new("ldd")
            .arg(root.library.path("main"))
            .output()?;
        let needed = String::from_utf8(ldd.stdout)?;
        let words = needed
            .split_whitespace()
            .filter(|word| word.starts_with('/'));
        for path in words
            .map(Path::new)
            .filter(|path| !path.ends_with("libsample.so"))
        {
            let inside = root.below(path.strip_prefix("/")?);
            fs::create_dir_all(inside.parent().context("a file has a directory")?)?;
            copy_executable(path, &inside)?;
        }
        Ok(root)
    }

    fn below(&self, path: impl AsRef<Path>) -> std::path::PathBuf {
        self.library.path("root").join(path)
    }

    /// Where debuggers look for it first.
    fn by_build_id(&self) -> Result<String> {
        let mut readelf = Command::new("readelf");
        let notes = readelf
            .arg("-n")
            .arg(self.library.path("libsample.so"))
            .output()?;
        let notes = String::from_utf8(notes.stdout)?;
        let id = notes
            .lines()
            .find_map(|line| line.trim().strip_prefix("Build ID: "));
        let (first, rest) = id
            .and_then(|id| id.split_at_checked(2))
            .context("no build id")?;
        Ok(format!("usr/lib/debug/.build-id/{first}/{rest}.debug"))
    }

    /// Whether the functions in the library are named with their lines.
    fn check(&self, expected: bool) -> Result<()> {
        let mut chroot = Command::new("chroot");
        // Without /proc the loader does not know where the program is.
        chroot.env("LD_LIBRARY_PATH", "/srv");
        let mut program = start(chroot.arg(self.below("")).arg("/srv/main"))?;
        let report = watch(&mut program, &["--any"], || Ok(()))?;
        let stack = stack(&report, |frame| function(frame) == "library_calls")?;
        let lines = stack.iter().filter(|frame| {
            let name = function(frame);
            name.starts_with("library_") && frame["line"].is_u64()
        });
        let count = lines.count();
        ensure!(count == if expected { 2 } else { 0 }, "{stack:#?}");
        Ok(())
    }

    fn check_at(
        &self,
        path: &str,
        make: impl FnOnce(&Path) -> Result<()>,
        expected: bool,
    ) -> Result<()> {
        let path = self.below(path);
        fs::create_dir_all(path.parent().context("a file has a directory")?)?;
        make(&path)?;
        self.check(expected)
            .with_context(|| path.display().to_string())?;
        Ok(fs::remove_file(path)?)
    }
}

#[test]
fn they_are_found_inside() -> Result<()> {
    let root = Root::new()?;
    root.check(false)?;
    let debug = root.library.path("sample.debug");
    let copy = |path: &Path| Ok(fs::copy(&debug, path).map(|_| ())?);
    root.check_at("srv/.debug/sample.debug", copy, true)?;
    root.check_at(&root.by_build_id()?, copy, true)
}

#[test]
fn nothing_leads_outside_or_into_a_pipe() -> Result<()> {
    let root = Root::new()?;
    let debug = root.library.path("sample.debug");
    let id = root.by_build_id()?;
    // The file is there, for the tool and for nobody inside.
    root.check_at(&id, |path| Ok(symlink(&debug, path)?), false)?;
    let up = "../../../../../../../../../../../../../../..";
    let up = format!("{up}{}", debug.display());
    root.check_at("srv/sample.debug", |path| Ok(symlink(&up, path)?), false)?;
    let pipe = |path: &Path| Ok(mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0)?);
    root.check_at("srv/sample.debug", pipe, false)
}
