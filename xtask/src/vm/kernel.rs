//! The kernels of the matrix: Debian's cloud kernels, which have all that is needed built in.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::arch::Arch;
use super::archive::{self, Origin};
use crate::command::{answer, command, logged};
use crate::step::failure;

/// One line of the matrix.
pub(super) struct Kernel {
    /// What `--kernel` takes.
    pub series: &'static str,
    /// What it runs on.
    pub arch: Arch,
    /// Hook families that it has; the guest says if they are others.
    pub families: &'static [&'static str],
    /// Where Debian has it; the first that the mirror serves counts.
    suites: Suites,
}

const EVERY_FAMILY: &[&str] = &["fentry", "tracepoint", "kprobe"];

type Suites = &'static [(Origin, &'static str)];

const BOOKWORM: Suites = &[
    (Origin::Main, "bookworm"),
    (Origin::Security, "bookworm-security"),
];

const TRIXIE: Suites = &[
    (Origin::Main, "trixie"),
    (Origin::Security, "trixie-security"),
    (Origin::Main, "bookworm-backports"),
];

pub(super) const KERNELS: &[Kernel] = &[
    Kernel {
        series: "5.10",
        arch: Arch::Amd64,
        families: EVERY_FAMILY,
        suites: &[
            (Origin::Main, "bullseye"),
            (Origin::Security, "bullseye-security"),
        ],
    },
    Kernel {
        series: "6.1",
        arch: Arch::Amd64,
        families: EVERY_FAMILY,
        suites: BOOKWORM,
    },
    Kernel {
        series: "6.12",
        arch: Arch::Amd64,
        families: EVERY_FAMILY,
        suites: TRIXIE,
    },
    Kernel {
        series: "7",
        arch: Arch::Amd64,
        families: EVERY_FAMILY,
        suites: &[
            (Origin::Main, "sid"),
            (Origin::Main, "forky"),
            (Origin::Main, "trixie-backports"),
        ],
    },
    Kernel {
        series: "6.1",
        arch: Arch::Arm64,
        // Trampolines to BPF need direct calls of ftrace, which arm64 has since 6.4.
        families: &["tracepoint", "kprobe"],
        suites: BOOKWORM,
    },
    Kernel {
        series: "6.12",
        arch: Arch::Arm64,
        families: EVERY_FAMILY,
        suites: TRIXIE,
    },
];

const IMAGE: &str = "vmlinuz";
const CHECKSUMS: &str = "SHA256SUMS";

/// The kernel's file: from the cache if it is whole there, else from Debian.
pub(super) fn fetch(kernel: &Kernel) -> Result<PathBuf> {
    let cache = cache_directory()?.join(format!("{}-{}", kernel.series, kernel.arch.name()));
    fs::create_dir_all(&cache).with_context(|| format!("create {}", cache.display()))?;
    // Checkouts share the cache: the first one fetches, the others wait.
    let lock = File::create(cache.join("lock"))?;
    lock.lock()
        .with_context(|| format!("lock {}", cache.display()))?;
    if !is_whole(&cache) {
        download(kernel, &cache)?;
    }
    Ok(cache.join(IMAGE))
}

fn is_whole(cache: &Path) -> bool {
    answer(command("sha256sum", &["--check", "--quiet", CHECKSUMS]).current_dir(cache)).is_some()
}

#[expect(clippy::print_stderr, reason = "progress")]
fn download(kernel: &Kernel, cache: &Path) -> Result<()> {
    let (series, arch) = (kernel.series, kernel.arch.name());
    let mut reasons = Vec::new();
    for (origin, suite) in kernel.suites {
        let scratch = tempfile::tempdir_in(cache)?;
        match archive::kernel_package(*origin, suite, series, arch, scratch.path()) {
            Ok(package) => {
                unpack(&package, scratch.path(), cache)?;
                let name = package.file_stem().unwrap_or_default().to_string_lossy();
                eprintln!("vm: Linux {series} {arch}: {name}, from {suite}");
                return Ok(());
            }
            Err(error) => reasons.push(format!("{suite}: {error:#}")),
        }
    }
    Err(failure(
        format!("no Linux {series} for {arch}: {}", reasons.join("; ")),
        "needs Debian's package sources; on other systems give a kernel with --kernel-image FILE",
    ))
}

/// Takes the image out of a package that apt has checked, and notes its checksum.
fn unpack(package: &Path, scratch: &Path, cache: &Path) -> Result<()> {
    let tree = scratch.join("tree");
    logged(command("dpkg-deb", &["--extract"]).args([package, &tree]))?;
    let image =
        image_in(&tree).with_context(|| format!("{} holds no one {IMAGE}", package.display()))?;
    fs::rename(image, cache.join(IMAGE))?;
    let sums = logged(command("sha256sum", &[IMAGE]).current_dir(cache))?;
    fs::write(cache.join(CHECKSUMS), sums)?;
    Ok(())
}

/// `/boot/vmlinuz-6.1.0-50-cloud-amd64` or `/usr/lib/modules/7.2.13+deb14-cloud-amd64/vmlinuz`.
fn image_in(tree: &Path) -> Option<PathBuf> {
    let list = |directory: PathBuf| {
        let entries = fs::read_dir(directory).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.path()))
    };
    let places = list(tree.join("usr/lib/modules")).chain([tree.join("boot")]);
    let mut images = places.flat_map(list).filter(|path| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with(IMAGE)
    });
    images.next().filter(|_| images.next().is_none())
}

/// A clean checkout finds what another one has fetched.
fn cache_directory() -> Result<PathBuf> {
    let named = |name: &str| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let caches = named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")));
    let caches = caches.context("neither XDG_CACHE_HOME nor HOME names a directory")?;
    Ok(caches.join("tracer/kernels"))
}
