//! Thousands of random ways down to a call: plain, inlined, deferred, generic, reflected, …

use anyhow::{Result, ensure};
use tracer_tests::{Flag, GoVersion};

use super::recording::{Recording, address};
use super::references::References;
use super::session::{Session, VERSIONS};
use super::tally::Tally;

/// The ways into the kernel, and the functions between each and the kernel.
///
/// Up to Go 1.18 those of package `syscall` are assembly, later they share one function.
const WAYS: [(&str, &str, &str); 8] = [
    (
        "main.bySyscall",
        "syscall.Syscall",
        "*.Syscall6 < syscall.RawSyscall6 < syscall.Syscall",
    ),
    (
        "main.byRawSyscall",
        "syscall.RawSyscall",
        "*.Syscall6 < syscall.RawSyscall6 < syscall.RawSyscall",
    ),
    (
        "main.bySyscall6",
        "syscall.Syscall6",
        "*.Syscall6 < syscall.RawSyscall6 < syscall.Syscall6",
    ),
    (
        "main.byRawSyscall6",
        "syscall.RawSyscall6",
        "*.Syscall6 < syscall.RawSyscall6",
    ),
    (
        "main.byMprotect",
        "syscall.Syscall",
        "*.Syscall6 < syscall.RawSyscall6 < syscall.Syscall",
    ),
    (
        "main.byMunmap",
        "syscall.Syscall",
        "*.Syscall6 < syscall.RawSyscall6 < syscall.Syscall",
    ),
    ("main.byLeaf", "main.adviseLeaf", "main.adviseLeaf"),
    ("main.byFramed", "main.adviseFramed", "main.adviseFramed"),
];

/// Each call of one kind, against its reference.
fn tally(go: GoVersion, recording: &Recording, references: &References) -> Result<Tally> {
    let mut tally = Tally::default();
    for call in &recording.calls {
        let Some(number) = address(call).and_then(|address| references.number(address)) else {
            continue;
        };
        let reference = &references.marks[number];
        ensure!(
            reference.lines.len() >= 17,
            "call {number} has {} lines",
            reference.lines.len()
        );
        let way = WAYS.iter().find(|(by, ..)| *by == reference.by);
        let inner = way.map(|(_, old, new)| if go == GoVersion::GO_1_15 { *old } else { *new });
        tally.compare(1, &recording.stack(call.stack), reference, |functions| {
            Some(generalized(functions).as_str()) == inner
        });
    }
    Ok(tally)
}

/// The function that all calls go through has been in three packages.
fn generalized(functions: &[&str]) -> String {
    let functions = functions.iter().map(|function| match *function {
        "runtime/internal/syscall.Syscall6"
        | "internal/runtime/syscall.Syscall6"
        | "internal/runtime/syscall/linux.Syscall6" => "*.Syscall6",
        other => other,
    });
    functions.collect::<Vec<_>>().join(" < ")
}

#[track_caller]
fn check(go: GoVersion, flags: &[Flag], walks: u64) -> Result<()> {
    let session = Session::run("stacks", go, flags, &["-walks", &walks.to_string()])?;
    let tally = tally(go, &session.recording, &session.references)?;
    // Two more are made while the package is initialised.
    tally.check(go, &format!("walks {flags:?}"), walks + 2)
}

#[test]
fn stacks_of_walks_equal_runtime_callers() -> Result<()> {
    for go in VERSIONS {
        check(go, &[], 6000)?;
    }
    check(GoVersion::GO_1_26, &[Flag::Pie, Flag::Stripped], 2000)
}
