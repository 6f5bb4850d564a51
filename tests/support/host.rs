//! What this machine and this checkout offer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// The directory of the workspace's `Cargo.toml`.
///
/// # Panics
/// Never: this crate lies one directory below it.
#[must_use]
pub fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the workspace")
}

/// Where cargo puts what it builds.
#[must_use]
pub fn target_directory() -> PathBuf {
    let named = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    // Cargo takes a relative one from its own working directory, which is the workspace root.
    workspace_root().join(named)
}

/// Where test programs and what Go compiles for them are kept.
pub(crate) fn build_directory() -> PathBuf {
    target_directory().join("test-programs")
}

/// Copies an executable so that it can be started at once.
///
/// Another process does it: a descriptor of ours, open for writing, could be inherited by a child
/// that another test starts just then, and the kernel runs no file that someone may write.
///
/// # Errors
/// If it cannot be copied.
pub fn copy_executable(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp")
        .arg(from)
        .arg(to)
        .status()
        .context("run cp")?;
    ensure!(
        status.success(),
        "cp {} {}: {status}",
        from.display(),
        to.display()
    );
    Ok(())
}

/// Whether BPF programs can be loaded here: the capabilities, and the kernel's own types.
#[must_use]
pub fn host_has_bpf() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| may_load(&status))
        && Path::new("/sys/kernel/btf/vmlinux").exists()
}

/// `CAP_SYS_ADMIN`, or both `CAP_BPF` and `CAP_PERFMON`, in the effective set.
fn may_load(status: &str) -> bool {
    const SYS_ADMIN: u64 = 1 << 21;
    const PERFMON_AND_BPF: u64 = 1 << 38 | 1 << 39;
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(0);
    effective & SYS_ADMIN != 0 || effective & PERFMON_AND_BPF == PERFMON_AND_BPF
}

/// A line of `/proc/PID/status` in bytes, such as `VmRSS`.
///
/// # Errors
/// If it may not be read, or has no such line.
pub fn status_bytes(pid: u32, field: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    kib_line(&text, field).with_context(|| format!("/proc/{pid}/status has no {field}"))
}

/// The bytes in a line of `/proc` such as `VmRSS:  12 kB`.
#[must_use]
pub fn kib_line(text: &str, field: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

/// Different sockets that a process has open.
///
/// # Errors
/// If its descriptors may not be read.
pub fn sockets_of(pid: u32) -> Result<u64> {
    let links = fs::read_dir(format!("/proc/{pid}/fd"))?
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter(|link| link.to_string_lossy().starts_with("socket:"));
    Ok(links.collect::<BTreeSet<_>>().len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: &str, expected: bool) {
        assert_eq!(may_load(status), expected);
    }

    #[test]
    fn capabilities() {
        check("Name:\tcat\nCapEff:\t000001ffffffffff\nCapBnd:\t0\n", true);
        check("CapEff:\t0000000000200000\n", true);
        check("CapEff:\t000000c000000000\n", true);
        check("CapEff:\t0000008000000000\n", false);
        check("CapEff:\t0000000000000000\n", false);
        check("", false);
    }

    #[test]
    fn lines_of_proc() {
        let status = "VmHWM:\t   20 kB\nVmRSS:\t   12 kB\nThreads:\t1\n";
        assert_eq!(kib_line(status, "VmRSS"), Some(12 << 10));
        assert_eq!(kib_line(status, "Threads"), None);
        assert_eq!(kib_line(status, "Vm"), None);
    }
}
