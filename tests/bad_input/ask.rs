//! Ways to run the tool, and what a refusal looks like.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use tracer_tests::{
    GoVersion, Outcome, Program, Running, Tool, copy_executable, run, tracer_binary,
};

pub(super) const SOON: Duration = Duration::from_secs(30);

/// Nothing that is wrong with a file makes reading it take longer.
pub(super) const AT_ONCE: Duration = Duration::from_secs(2);

pub(super) const DONE: i32 = 0;
pub(super) const USAGE: i32 = 2;
pub(super) const UNSUPPORTED: i32 = 3;
pub(super) const DAMAGED: i32 = 5;
/// As shells report a program ended by ^C.
pub(super) const INTERRUPTED: i32 = 130;

/// No process has this pid: it is the last that a kernel can give.
pub(super) const NOBODY_HAS: u32 = 4_194_303;
/// Everybody's user and group without rights.
pub(super) const NOBODY: u32 = 65534;
/// Mounts what the tool else mounts for itself, where the system has not.
pub(super) const TRACEFS: &str =
    "mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing";

/// The run failed in this way, said so in the two lines, and wrote nothing to stdout.
pub(super) fn refused(outcome: &Outcome, code: i32, words: &str) -> Result<()> {
    ensure!(outcome.code == Some(code), "{words:?}: {outcome:?}");
    ensure!(outcome.stdout.is_empty(), "{words:?}: {outcome:?}");
    let (error, hint) = outcome.complaint()?;
    ensure!(error.contains(words), "{error:?} lacks {words:?}");
    ensure!(!hint.is_empty(), "{outcome:?}");
    ensure!(outcome.stderr.lines().count() == 2, "{:?}", outcome.stderr);
    Ok(())
}

/// The run failed with exactly these lines, after it had written `stdout`.
#[track_caller]
pub(super) fn fails(outcome: &Outcome, code: i32, stdout: &str, error: &str, hint: &str) {
    let lines = format!("error: {error}\nhint: {hint}");
    let expected = (Some(code), stdout, lines.as_str());
    let found = (outcome.code, &*outcome.stdout, outcome.stderr.trim_end());
    assert_eq!(found, expected);
    assert!(outcome.took < AT_ONCE, "{outcome:?}");
}

/// `tracer ARGS` is refused.
pub(super) fn check(args: &[&str], code: i32, words: &str) -> Result<()> {
    refused(&run(args)?, code, words)
}

/// `tracer attach --pid PID -d 1s ARGS` is refused.
pub(super) fn attach(pid: u32, args: &[&str], code: i32, words: &str) -> Result<()> {
    let pid = pid.to_string();
    let begin = ["attach", "--pid", &pid, "-d", "1s"];
    check(&[&begin, args].concat(), code, words)
}

/// A Go program with nothing to find.
pub(super) fn steady() -> Result<Running> {
    let steady = Running::program(&Program::build("steady", GoVersion::GO_1_26, &[])?, &[])?;
    steady.event("ready", SOON)?;
    Ok(steady)
}

/// A C program that waits for its commands.
pub(super) fn native() -> Result<Running> {
    let native = Running::program(&Program::build_c("native")?, &["10"])?;
    native.event("ready", SOON)?;
    Ok(native)
}

/// A copy of a Go program in which some bytes are others, as often as they occur.
pub(super) fn patched(name: &str, old: &[u8], new: &[u8], path: &Path) -> Result<()> {
    let mut bytes = fs::read(Program::build(name, GoVersion::GO_1_26, &[])?)?;
    let mut at = 0;
    while let Some(next) = bytes[at..].windows(old.len()).position(|part| part == old) {
        at += next;
        bytes[at..at + old.len()].copy_from_slice(new);
    }
    ensure!(at > 0, "{old:?} is not in {name}");
    let unwritten = path.with_extension("unwritten");
    fs::write(&unwritten, bytes)?;
    copy_executable(&unwritten, path)?;
    rustix::fs::chmod(path, rustix::fs::Mode::from_raw_mode(0o755))?;
    Ok(())
}

/// It is refused, because the process is not there.
pub(super) fn is_gone(outcome: &Outcome) -> Result<()> {
    let error = outcome.complaint()?.0;
    let known = ["exited", "no process with pid"];
    let word = known.iter().find(|word| error.contains(**word));
    refused(outcome, UNSUPPORTED, word.context(error.to_owned())?)
}

/// Where `main` of a C program is linked to lie, in hexadecimal.
pub(super) fn address_of_main(program: &Path) -> Result<String> {
    let nm = Command::new("nm").arg(program).output()?;
    let symbols = String::from_utf8(nm.stdout)?;
    let mut symbols = symbols.lines();
    let main = symbols.find_map(|line| line.strip_suffix(" T main"));
    let address = u64::from_str_radix(main.context("it has no main")?, 16)?;
    Ok(format!("{address:#x}"))
}

/// Runs a command that ends up as the tool.
pub(super) fn outcome(command: &mut Command) -> Result<Outcome> {
    Tool::spawn(command)?.finish()
}

/// Prepares a private set of mounts with a shell script, then runs `COMMAND` there.
pub(super) fn with_mounts(script: &str, command: &[&str]) -> Command {
    let mut unshare = Command::new("unshare");
    unshare
        .args([
            "--mount",
            "sh",
            "-ec",
            &format!("{script}\nexec \"$@\""),
            "sh",
        ])
        .args(command);
    unshare
}

/// A copy of the tool in a place that everyone may read, unlike the checkout.
pub(super) struct PublicTool {
    directory: TempDir,
}

impl PublicTool {
    pub(super) fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mode = rustix::fs::Mode::from_raw_mode(0o755);
        rustix::fs::chmod(directory.path(), mode)?;
        copy_executable(&tracer_binary()?, &directory.path().join("tracer"))?;
        Ok(Self { directory })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("tracer")
    }

    /// `tracer ARGS` of a user without any rights.
    pub(super) fn as_nobody(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.path());
        command
            .args(args)
            .uid(NOBODY)
            .gid(NOBODY)
            .current_dir(Path::new("/"));
        command
    }
}
