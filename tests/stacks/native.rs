//! C between Go and the kernel, and between Go and Go.

use anyhow::{Result, ensure};
use tracer_tests::{Flag, GoVersion};

use super::recording::address;
use super::session::{Session, VERSIONS};
use super::tally::Tally;

/// Functions of the program that may stand between the one that is to make the call and the kernel.
/// `native_decoy` may not, nor what C and Go call elsewhere.
const INSIDE: [&str; 8] = [
    "native_advise",
    "native_advise_astray",
    "native_handler",
    "native_raise",
    "main._Cfunc_native_advise",
    "main._Cfunc_native_advise_astray",
    "main._Cfunc_native_raise",
    "main.raise",
];

fn is_inside(functions: &[&str]) -> bool {
    functions.iter().all(|function| {
        // What the C compiler calls a function that may be replaced at run time.
        let function = function.strip_suffix(".localalias").unwrap_or(function);
        let of_program = function.starts_with("main.") || function.starts_with("native_");
        // The C library need not name the functions that it keeps for itself.
        let of_library = function.starts_with("0x7f");
        INSIDE.contains(&function) || of_library || !of_program && !function.starts_with("0x")
    })
}

#[track_caller]
fn check(go: GoVersion, flags: &[Flag]) -> Result<()> {
    let session = Session::run("stacks_cgo", go, flags, &["-rounds", "60"])?;
    let mut tally = Tally::default();
    for call in &session.recording.calls {
        let Some(number) = address(call).and_then(|a| session.references.number(a)) else {
            continue;
        };
        let reference = &session.references.marks[number];
        ensure!(reference.lines.len() >= 17, "call {number}");
        tally.compare(
            1,
            &session.recording.stack(call.stack),
            reference,
            is_inside,
        );
    }
    // Sixty rounds of ten ways.
    tally.check(go, &format!("cgo {flags:?}"), 600)
}

#[test]
fn stacks_through_c_equal_runtime_callers() -> Result<()> {
    for go in VERSIONS {
        check(go, &[Flag::Cgo])?;
        check(go, &[Flag::Cgo, Flag::Pie])?;
    }
    Ok(())
}
