//! Command lines that mean nothing.

use anyhow::{Result, ensure};
use tracer_tests::run;

use super::ask::{NOBODY_HAS, UNSUPPORTED, USAGE, check};

#[test]
fn what_cannot_be_asked() -> Result<()> {
    for (args, words) in [
        (&[][..], "subcommand"),
        (&["bogus"], "'bogus'"),
        (&["attach"], "--pid <PID>"),
        (&["attach", "--pid"], "value is required"),
        (&["attach", "--pid", "x"], "invalid value 'x'"),
        (&["attach", "--pid", ""], "invalid value ''"),
        (&["attach", "--pid", "-1"], "invalid value '-1'"),
        (&["attach", "--pid", "99999999999"], "99999999999"),
        (&["attach", "--pid", "0"], "0 is not a pid"),
        (&["attach", "--pid", "4194304"], "4194304 is not a pid"),
        (&["attach", "--pid", "4294967295"], "not a pid"),
        (&["attach", "--pid", "1", "--pid", "2"], "multiple times"),
        (&["attach", "--pid", "1", "more"], "'more'"),
        (&["attach", "--pid", "1", "--bogus"], "'--bogus'"),
        (&["attach", "--pid", "1", "--hooks", "magic"], "fentry"),
        (&["attach", "--pid", "1", "-d", "0"], "invalid value '0'"),
        (&["attach", "--pid", "1", "-d", "0ms"], "no length"),
        (&["attach", "--pid", "1", "-d", "-5"], "invalid value '-5'"),
        (&["attach", "--pid", "1", "-d", "soon"], "invalid value"),
        (
            &["attach", "--pid", "1", "-d", "18446744073709551615"],
            "100 years",
        ),
        (
            &["attach", "--pid", "1", "-d", "18446744073709551616"],
            "too large",
        ),
        (
            &["attach", "--pid", "1", "-d", "500000000000years"],
            "100 years",
        ),
        (&["attach", "--pid", "1", "--max-loss", "nan"], "percentage"),
        (&["attach", "--pid", "1", "--max-loss", "-1"], "percentage"),
        (&["attach", "--pid", "1", "--max-loss", "101"], "percentage"),
        (&["attach", "--pid", "1", "-o", ""], "--output"),
        (
            &["attach", "--pid", "7\u{1b}[31m\n8"],
            "invalid value '7 8'",
        ),
        (&["analyze"], "<FILE>"),
        (&["analyze", "a", "b"], "'b'"),
        (&["explain", "bogus\u{1b}\n"], "bogus\\x1b\\n"),
    ] {
        check(args, USAGE, words)?;
    }
    Ok(())
}

#[test]
fn possible_values_and_near_misses_are_named() -> Result<()> {
    let misspelt = run(&["attach", "--pidd", "1"])?;
    ensure!(misspelt.complaint()?.1.contains("'--pid'"), "{misspelt:?}");
    let none = run(&["attach", "--pid", "1", "--hooks", "magic"])?;
    let (error, _) = none.complaint()?;
    ensure!(
        error.contains("auto, fentry, kprobe, tracepoint"),
        "{error}"
    );
    Ok(())
}

/// Its findings stay on stdout.
#[test]
fn the_doctor_says_when_attaching_would_fail() -> Result<()> {
    for (pid, code) in [(0, USAGE), (2, UNSUPPORTED), (NOBODY_HAS, UNSUPPORTED)] {
        let outcome = run(&["doctor", "--pid", &pid.to_string()])?;
        ensure!(outcome.code == Some(code), "{outcome:?}");
        let (error, _) = outcome.complaint()?;
        ensure!(error.contains(&format!("pid {pid} cannot be traced")));
        ensure!(outcome.stdout.contains("missing process"), "{outcome:?}");
    }
    Ok(())
}
