//! What an administrator may restrict: the tool works all the same, or names what forbids it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tracer_tests::{Outcome, Running, attach};

use crate::vm::initramfs::Program;

const SOON: Duration = Duration::from_mins(1);
const SECURITY: &str = "/sys/kernel/security";

/// Switches at their strictest, which do not concern root.
const SWITCHES: &[(&str, &str)] = &[
    ("kernel/perf_event_paranoid", "3"),
    ("kernel/kptr_restrict", "2"),
    ("kernel/unprivileged_bpf_disabled", "1"),
    ("net/core/bpf_jit_harden", "2"),
];

/// The kernel cannot be unlocked again: nothing else can be asked of it afterwards.
pub(super) fn restricted() -> Result<String> {
    let idle = Running::program(Path::new(Program::Calls.path()), &[])?;
    idle.event("ready", SOON)?;
    let watch = || attach(idle.pid(), &["--json", "-d", "1s"]);
    for (switch, value) in SWITCHES {
        let path = Path::new("/proc/sys").join(switch);
        fs::write(&path, value).with_context(|| format!("write {value} to {switch}"))?;
    }
    mount(
        "securityfs",
        SECURITY,
        "securityfs",
        MountFlags::empty(),
        None,
    )?;
    lock("integrity")?;
    watch()?.report().context("with lockdown=integrity")?;

    lock("confidentiality")?;
    let told = named(&watch()?)?;
    unmount(SECURITY, UnmountFlags::empty())?;
    let found = named(&watch()?)?;
    Ok(format!(
        "works up to lockdown=integrity; then {told:?}, {found:?}"
    ))
}

fn lock(level: &str) -> Result<()> {
    let file = Path::new(SECURITY).join("lockdown");
    fs::write(file, level).with_context(|| format!("lock down to {level}"))
}

/// The refusal, which must name the lockdown.
fn named(refused: &Outcome) -> Result<String> {
    ensure!(refused.code == Some(3), "{refused:?}");
    let (error, hint) = refused.complaint()?;
    ensure!(
        error.contains("lockdown") && hint.contains("lockdown"),
        "{refused:?}"
    );
    Ok(error.to_owned())
}
