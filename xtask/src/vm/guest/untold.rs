//! A run of the tool that chose the hooks itself, on a program in a memory cgroup of its own.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tracer_tests::{Report, Running, attach, list, run};

use crate::vm::initramfs::Program;

const SOON: Duration = Duration::from_mins(1);
const CGROUP: &str = "/sys/fs/cgroup";
const BOX: &str = "box";
const LIMIT: u64 = 256 << 20;
/// What the kernel may charge in advance: 64 pages on each processor.
const CHARGED_AHEAD: u64 = 2 * 64 * 4096;

/// What a run left.
pub(super) struct Seen {
    diagnosis: Value,
    report: Report,
    /// `memory.current` just before and just after.
    charged: [u64; 2],
}

/// Watches a program that waits.
pub(super) fn watch() -> Result<Seen> {
    let idle = start_in_box().context("start a program in a cgroup")?;
    idle.event("ready", SOON)?;
    let before = charged()?;
    let report = attach(idle.pid(), &["--json", "-d", "2s"])?.report()?;
    Ok(Seen {
        diagnosis: diagnosis()?,
        report,
        charged: [before, charged()?],
    })
}

/// Children begin where their parent is.
fn start_in_box() -> Result<Running> {
    let place = Path::new(CGROUP).join(BOX);
    fs::write(Path::new(CGROUP).join("cgroup.subtree_control"), "+memory")?;
    fs::create_dir(&place)?;
    fs::write(place.join("memory.max"), LIMIT.to_string())?;
    let enter = |group: &Path| fs::write(group.join("cgroup.procs"), "0");
    enter(&place)?;
    let program = Running::program(Path::new(Program::Calls.path()), &[]);
    enter(Path::new(CGROUP))?;
    program
}

fn charged() -> Result<u64> {
    let text = fs::read_to_string(Path::new(CGROUP).join(BOX).join("memory.current"))?;
    Ok(text.trim().parse()?)
}

/// The answer of `tracer doctor`.
pub(super) fn diagnosis() -> Result<Value> {
    let doctor = run(&["doctor", "--json"])?;
    ensure!(doctor.code == Some(0), "{doctor:?}");
    Ok(serde_json::from_str(&doctor.stdout)?)
}

/// The hook families that it found, best first.
pub(super) fn hooks(diagnosis: &Value) -> Vec<String> {
    let hooks = list(&diagnosis["hooks"]).iter();
    hooks.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The families are those that this kernel is known to have, and attaching takes the first of them.
pub(super) fn doctor(seen: &Seen, expected: &[String]) -> Result<String> {
    let hooks = hooks(&seen.diagnosis);
    let verdict = &seen.diagnosis["verdict"];
    ensure!(seen.diagnosis["can_attach"] == true, "{verdict}");
    // Which comes first is the tool's choice.
    let same =
        expected.len() == hooks.len() && expected.iter().all(|family| hooks.contains(family));
    ensure!(expected.is_empty() || same, "{hooks:?}");
    let used = &seen.report.0["process"]["hooks"];
    ensure!(
        hooks.first().is_some_and(|first| used == first.as_str()),
        "{used} of {hooks:?}"
    );
    let with = |status: &str| {
        let checks = list(&seen.diagnosis["checks"]).iter();
        let names = checks
            .filter(|check| check["status"] == status)
            .filter_map(|check| check["name"].as_str());
        let names: Vec<_> = names.collect();
        if names.is_empty() {
            "nothing".to_owned()
        } else {
            names.join(", ")
        }
    };
    Ok(format!(
        "{} in use of {}; missing: {}; limited: {}",
        used.as_str().unwrap_or_default(),
        hooks.join(", "),
        with("missing"),
        with("limited")
    ))
}

/// Version 2, the limit that was set, and what the kernel charged.
pub(super) fn cgroup(seen: &Seen, _: &[String]) -> Result<String> {
    let cgroup = &seen.report.0["cgroup"];
    ensure!(cgroup["version"] == 2, "{cgroup}");
    ensure!(cgroup["path"] == format!("/{BOX}"), "{cgroup}");
    ensure!(cgroup["limit_bytes"] == LIMIT, "{cgroup}");
    ensure!(cgroup["oom_kills"] == 0, "{cgroup}");
    let usage = cgroup["usage_bytes"].as_u64().unwrap_or(0);
    let [before, after] = seen.charged;
    let truth = before.min(after).saturating_sub(CHARGED_AHEAD)..=before.max(after) + CHARGED_AHEAD;
    ensure!(
        truth.contains(&usage),
        "{usage} instead of {:?}",
        seen.charged
    );
    Ok(format!("version 2, {usage} bytes of {LIMIT}"))
}
