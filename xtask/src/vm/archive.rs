//! Debian's archive, asked through apt for other releases than the one installed.
//!
//! A private root keeps package lists and downloads apart from the system's. The mirror is the
//! one the system uses; apt verifies signatures and checksums as always.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::command::{command, logged};

/// Which of Debian's archives, by the label that its releases carry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Origin {
    Main,
    Security,
}

impl Origin {
    const fn label(self) -> &'static str {
        match self {
            Self::Main => "Debian",
            Self::Security => "Debian-Security",
        }
    }
}

/// Where Debian keeps the keys of all its releases.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Downloads the cloud kernel of a suite if it is of this series; returns the package's file.
pub(super) fn kernel_package(
    origin: Origin,
    suite: &str,
    series: &str,
    arch: &str,
    directory: &Path,
) -> Result<PathBuf> {
    let root = Root { directory, arch };
    root.prepare(&mirror(origin)?, suite)?;
    logged(&mut root.command("apt-get", &["update"]))?;
    let depends = |package: &str| {
        logged(&mut root.command("apt-cache", &["depends", "--important", package]))
    };
    let newest = depends(&format!("linux-image-cloud-{arch}"))?;
    let image = first_of(&newest, &format!("linux-image-{series}."))
        .with_context(|| format!("its kernel is another one: {}", newest.trim()))?;
    // From 7 on the image is in a package of its own.
    let parts = depends(image)?;
    let package = first_of(&parts, "linux-binary-").unwrap_or(image);
    logged(&mut root.command("apt-get", &["download", package]))?;
    let mut files = fs::read_dir(directory)?.filter_map(|entry| Some(entry.ok()?.path()));
    files
        .find(|path| path.extension().is_some_and(|ending| ending == "deb"))
        .context("apt-get downloaded no package")
}

/// The first package with this beginning that another one depends on.
fn first_of<'a>(depends: &'a str, prefix: &str) -> Option<&'a str> {
    let mut packages = depends
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "));
    packages.find(|package| package.starts_with(prefix))
}

/// An apt that knows one suite, and that nothing is installed.
struct Root<'a> {
    directory: &'a Path,
    arch: &'a str,
}

impl Root<'_> {
    fn prepare(&self, mirror: &str, suite: &str) -> Result<()> {
        for place in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(self.directory.join(place))?;
        }
        let keys = if Path::new(KEYRING).exists() {
            format!("[signed-by={KEYRING}] ")
        } else {
            String::new()
        };
        let source = format!("deb {keys}{mirror} {suite} main\n");
        fs::write(self.directory.join("sources.list"), source)?;
        fs::write(self.directory.join("status"), "")?;
        Ok(())
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = command(program, &[]);
        command.current_dir(self.directory).env("LC_ALL", "C");
        for (option, place) in [
            ("Dir::Etc::sourcelist", "sources.list"),
            ("Dir::State::lists", "lists"),
            ("Dir::State::status", "status"),
            ("Dir::Cache", "cache"),
        ] {
            let place = self.directory.join(place);
            command.arg(format!("-o{option}={}", place.display()));
        }
        for option in [
            "Dir::Etc::sourceparts=/dev/null",
            "Acquire::Languages=none",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
            // The directory belongs to root, and apt's own user may not write there.
            "APT::Sandbox::User=root",
        ] {
            command.arg(format!("-o{option}"));
        }
        command.arg(format!("-oAPT::Architecture={}", self.arch));
        command.arg(format!("-oAPT::Architectures={}", self.arch));
        command.args(args);
        command
    }
}

/// The URI that the system has for this archive of Debian's.
fn mirror(origin: Origin) -> Result<String> {
    let sources = || {
        let format = "$(LABEL) $(COMPONENT) $(REPO_URI)";
        logged(&mut command(
            "apt-get",
            &["indextargets", "--format", format, "Created-By: Packages"],
        ))
    };
    let known = sources()?;
    if let Some(uri) = uri_of(&known, origin) {
        return Ok(uri.to_owned());
    }
    // The labels are in the package lists, which a fresh system does not have yet.
    logged(&mut command("apt-get", &["update"]))?;
    let Some(uri) = uri_of(&sources()?, origin).map(str::to_owned) else {
        bail!("apt has no source labelled {}", origin.label());
    };
    Ok(uri)
}

fn uri_of(sources: &str, origin: Origin) -> Option<&str> {
    let prefix = format!("{} main ", origin.label());
    sources.lines().find_map(|line| line.strip_prefix(&prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_one_of_the_system() {
        let sources = "Docker stable https://a.example/\nDebian non-free http://b.example/\n\
                       Debian main http://c.example/debian/\n\
                       Debian-Security main http://c.example/security/\n";
        let check = |origin, expected| assert_eq!(uri_of(sources, origin), expected);
        check(Origin::Main, Some("http://c.example/debian/"));
        check(Origin::Security, Some("http://c.example/security/"));
        assert_eq!(uri_of("$(LABEL) main x\n", Origin::Main), None);
    }

    #[test]
    fn the_kernel_is_of_the_series_asked_for() {
        let depends = "linux-image-cloud-amd64\n  Depends: linux-base-cloud-amd64\n  \
                       Depends: linux-image-6.12.117+deb13-cloud-amd64\n";
        let check = |series, expected| {
            let prefix = format!("linux-image-{series}.");
            assert_eq!(first_of(depends, &prefix), expected);
        };
        check("6.12", Some("linux-image-6.12.117+deb13-cloud-amd64"));
        check("6", Some("linux-image-6.12.117+deb13-cloud-amd64"));
        check("6.1", None);
        check("7", None);
    }
}
