//! Executables that are not where they seem to be.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use tracer_tests::{Flag, GoVersion, Program, Running, copy_executable};

use super::scene::{function, stack, start, watch};

const ARGS: [&str; 4] = ["-n", "20", "-kinds", "map"];

fn calls() -> Result<PathBuf> {
    Program::build("calls", GoVersion::GO_1_26, &[Flag::Stripped])
}

/// All functions of the program are named, with their lines.
fn named(mut program: Running, change: impl FnOnce() -> Result<()>) -> Result<()> {
    let report = watch(&mut program, &[], change)?;
    let stack = stack(&report, |frame| function(frame) == "main.inner")?;
    let functions: Vec<&str> = stack.iter().map(function).collect();
    for wanted in ["main.mapUnmap", "main.inner", "main.middle", "main.main"] {
        let frame = stack.iter().find(|frame| function(frame) == wanted);
        let line = frame.and_then(|frame| frame["line"].as_u64());
        ensure!(line.is_some(), "{wanted} not in {functions:?}");
    }
    ensure!(
        stack.iter().all(|frame| frame["unsymbolized"].is_null()),
        "{stack:#?}"
    );
    Ok(())
}

fn run(executable: &Path) -> Result<Running> {
    start(Command::new(executable).args(ARGS))
}

#[test]
fn deleted_before_and_after() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("calls");
    copy_executable(&calls()?, &path)?;
    let (early, late) = (run(&path)?, run(&path)?);
    named(late, || Ok(fs::remove_file(&path)?))?;
    named(early, || Ok(()))
}

#[test]
fn replaced_by_another_program() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("calls");
    copy_executable(&calls()?, &path)?;
    let (early, late) = (run(&path)?, run(&path)?);
    let replace = || {
        let other = directory.path().join("other");
        let steady = Program::build("steady", GoVersion::GO_1_15, &[])?;
        copy_executable(&steady, &other)?;
        Ok(fs::rename(&other, &path)?)
    };
    named(late, replace)?;
    named(early, || Ok(()))
}

#[test]
fn a_file_without_a_path() -> Result<()> {
    let mut launcher = Command::new(Program::build_c("from_memory")?);
    named(start(launcher.arg(calls()?).args(ARGS))?, || Ok(()))
}

#[test]
fn a_name_with_control_characters() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for name in [&b"ca\nlls"[..], b"\x1b[31m\\012 (deleted)", b"\xff\xfe"] {
        let path = directory.path().join(OsStr::from_bytes(name));
        copy_executable(&calls()?, &path)?;
        named(run(&path)?, || Ok(()))?;
    }
    Ok(())
}

/// A shell script in mounts of its own, with the executable as `$0`; it ends as the program.
fn in_mounts(script: &str) -> Result<Running> {
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "sh", "-ec", script]).arg(calls()?);
    start(unshare.args(ARGS))
}

#[test]
fn mounts_that_nobody_else_sees() -> Result<()> {
    let script = "mount -t tmpfs tmpfs /mnt; cp \"$0\" /mnt/calls; exec /mnt/calls \"$@\"";
    named(in_mounts(script)?, || Ok(()))
}

/// As in containers; the file is below, above, and copied up from below.
#[test]
fn layers_of_file_systems() -> Result<()> {
    for (place, touch) in [
        ("lower", "true"),
        ("upper", "true"),
        ("lower", "touch all/calls"),
    ] {
        let script = format!(
            "mount -t tmpfs tmpfs /mnt; cd /mnt; mkdir lower upper work all; cp \"$0\" {place}/calls
            mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay all
            {touch}; exec all/calls \"$@\""
        );
        named(in_mounts(&script)?, || Ok(()))?;
    }
    Ok(())
}

#[test]
fn another_root_directory() -> Result<()> {
    let directory = tempfile::tempdir()?;
    copy_executable(&calls()?, &directory.path().join("calls"))?;
    // What has its path outside is another program.
    let mut chroot = Command::new("chroot");
    chroot.arg(directory.path()).arg("/calls").args(ARGS);
    named(start(&mut chroot)?, || Ok(()))
}
