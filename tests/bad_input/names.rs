//! Names that try to steer the terminal: escaped for people, exact for programs.

use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Result, ensure};
use tracer_tests::{Program, Running, copy_executable, run};

use super::ask::{SOON, UNSUPPORTED, attach};

/// The kernel takes the first 15 bytes of the file's name as that of the process.
const HOSTILE: &str = "a\u{1b}[2J\n\\\u{9b}b";
const ESCAPED: &str = "a\\x1b[2J\\n\\\\\\x9bb";

#[test]
fn a_hostile_name() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let executable = directory.path().join(HOSTILE);
    copy_executable(&Program::build_c("native")?, &executable)?;
    let native = Running::program(&executable, &[])?;
    native.event("ready", SOON)?;
    let pid = native.pid();

    attach(
        pid,
        &[],
        UNSUPPORTED,
        &format!("({ESCAPED}) is not a Go program"),
    )?;

    let link = directory.path().join(format!("o{HOSTILE}"));
    symlink(Path::new("x"), &link)?;
    let link = link.display().to_string();
    attach(pid, &["--any", "-o", &link], super::ask::USAGE, ESCAPED)?;

    let trace = directory
        .path()
        .join(format!("t{HOSTILE}"))
        .display()
        .to_string();
    let json = ["--any", "--json", "-d", "500ms", "-o", &trace];
    let recorded = tracer_tests::attach(pid, &json)?;
    harmless(&recorded.stderr)?;
    ensure!(
        recorded.stderr.contains(&format!("t{ESCAPED}")),
        "{recorded:?}"
    );
    let process = &recorded.report()?.0["process"];
    ensure!(process["comm"] == HOSTILE, "{process}");
    ensure!(
        process["exe"] == executable.display().to_string(),
        "{process}"
    );

    let replayed = run(&["analyze", &trace])?;
    harmless(&replayed.stdout)?;
    ensure!(
        replayed.stdout.contains(&format!("pid {pid} ({ESCAPED})")),
        "{replayed:?}"
    );

    let diagnosed = run(&["doctor", "--pid", &pid.to_string()])?;
    harmless(&diagnosed.stdout)?;
    ensure!(diagnosed.stdout.contains(ESCAPED), "{diagnosed:?}");
    Ok(())
}

/// Nothing but lines of visible characters.
fn harmless(text: &str) -> Result<()> {
    let control = text.chars().find(|c| c.is_control() && *c != '\n');
    ensure!(control.is_none(), "{control:?} in {text:?}");
    Ok(())
}
