//! The shared libraries of an executable, as the compiler's sysroot has them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::command::{command, logged};

/// A directory that every loader searches.
const DIRECTORY: &str = "/lib";

/// Where each library stands in the guest, and where it is here.
pub(super) fn of(executables: &[&Path], compiler: &str) -> Result<BTreeMap<PathBuf, PathBuf>> {
    let mut libraries = BTreeMap::new();
    for executable in executables {
        let mut readelf = command("readelf", &["--wide", "--dynamic", "--program-headers"]);
        let said = logged(readelf.arg(executable))?;
        let loader = Path::new(loader(&said).context("no program interpreter")?);
        libraries.insert(loader.to_owned(), here(loader, compiler)?);
        for name in needed(&said).map(Path::new) {
            libraries.insert(Path::new(DIRECTORY).join(name), here(name, compiler)?);
        }
    }
    Ok(libraries)
}

/// The file of this name that the compiler links with.
fn here(library: &Path, compiler: &str) -> Result<PathBuf> {
    let name = library.file_name().unwrap_or_default().display();
    let path = logged(&mut command(
        compiler,
        &[&format!("-print-file-name={name}")],
    ))?;
    let path = PathBuf::from(path.trim());
    ensure!(path.is_absolute(), "{compiler} does not know {name}");
    Ok(path)
}

/// `[Requesting program interpreter: /lib64/ld-linux-x86-64.so.2]`
fn loader(readelf: &str) -> Option<&str> {
    let (_, rest) = readelf.split_once("program interpreter: ")?;
    rest.split(']').next()
}

/// `0x0000000000000001 (NEEDED) Shared library: [libc.so.6]`
fn needed(readelf: &str) -> impl Iterator<Item = &str> {
    readelf
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| line.split(['[', ']']).nth(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_readelf_prints_them() {
        let said = "  INTERP 0x0002e0 0x1 R 0x1\n      [Requesting program interpreter: /lib/ld.so.2]\n \
                    0x0000000000000001 (NEEDED)             Shared library: [libgcc_s.so.1]\n \
                    0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]\n \
                    0x000000000000000c (INIT)               0x1000\n";
        assert_eq!(loader(said), Some("/lib/ld.so.2"));
        assert_eq!(
            needed(said).collect::<Vec<_>>(),
            ["libgcc_s.so.1", "libc.so.6"]
        );
        assert_eq!(loader("a static executable"), None);
    }
}
