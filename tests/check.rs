//! `tracer check`: what scripts see of it, on the recordings of `golden/rules/`.

use anyhow::{Result, ensure};
use tracer_tests::{run, workspace_root};

/// Runs it on a recording and expects the exit code and the beginning of what it prints.
#[track_caller]
fn check(recording: &str, options: &[&str], code: i32, expected: &str) -> Result<()> {
    let trace = workspace_root()
        .join("tests/golden/rules")
        .join(format!("{recording}.trace"))
        .display()
        .to_string();
    let outcome = run(&[&["check", trace.as_str()], options].concat())?;
    ensure!(outcome.code == Some(code), "{recording}: {outcome:?}");
    ensure!(
        outcome.stdout.starts_with(expected),
        "{recording}: {outcome:?}"
    );
    Ok(())
}

#[test]
fn a_leak_fails_and_names_its_lines() -> Result<()> {
    check(
        "heap-growth.found",
        &[],
        1,
        "leak: heap-growth: the live heap grew",
    )?;
    check(
        "client-per-request.found",
        &[],
        1,
        "leak: client-per-request: ",
    )?;
    let outcome = run(&[
        "check",
        &workspace_root()
            .join("tests/golden/rules/client-per-request.found.trace")
            .display()
            .to_string(),
    ])?;
    let first = outcome.stdout.lines().next().unwrap_or_default();
    ensure!(first.contains("[main.get (requests.go:"), "{first}");
    ensure!(outcome.stdout.lines().count() >= 2, "{outcome:?}");
    Ok(())
}

#[test]
fn no_leak_passes_with_the_reason() -> Result<()> {
    check("healthy.found", &[], 0, "no leak: healthy: nothing grows")?;
    check("lazily-freed.found", &[], 0, "no leak: lazily-freed: ")?;
    check("lazily-freed.clear", &[], 0, "cannot tell: ")
}

#[test]
fn limits_and_formats() -> Result<()> {
    let growing = "heap-growth.found";
    check(
        growing,
        &["--allow", "heap-growth", "--max-growth", "1GiB/s"],
        0,
        "",
    )?;
    check(
        growing,
        &["--allow", "heap-growth", "--max-growth", "1KiB/min"],
        1,
        "leak: --max-growth: the memory in use grows by ",
    )?;
    check(
        "healthy.found",
        &["--max-sockets-per-origin", "0"],
        0,
        "no leak: ",
    )?;
    let sockets = ["--max-sockets-per-origin", "117", "--format", "github"];
    check("client-per-request.found", &sockets, 1, "::error file=")?;
    check(growing, &["--format", "junit"], 1, "<?xml version=")?;
    check(growing, &["--to", "3s"], 0, "")?;
    check(growing, &["--from", "3s", "--to", "2s"], 2, "")?;
    check(growing, &["--max-growth", "5"], 2, "")
}

#[test]
fn a_diff_says_what_is_new() -> Result<()> {
    let trace = |name: &str| {
        let rules = workspace_root().join("tests/golden/rules");
        rules.join(name).display().to_string()
    };
    let (healthy, sick) = (
        trace("heap-growth.clear.trace"),
        trace("heap-growth.found.trace"),
    );
    let outcome = run(&["diff", &healthy, &sick])?;
    ensure!(outcome.code == Some(0), "{outcome:?}");
    ensure!(
        outcome
            .stdout
            .starts_with("conclusion: leak, and no leak before\n"),
        "{outcome:?}"
    );
    ensure!(
        outcome
            .stdout
            .contains("found now: gc-headroom, heap-growth"),
        "{outcome:?}"
    );
    let same = run(&["diff", &sick, &sick, "--json"])?;
    let same: serde_json::Value = serde_json::from_str(&same.stdout)?;
    ensure!(
        same["found"] == serde_json::json!([]) && same["heap"] == serde_json::json!([]),
        "{same:#}"
    );
    Ok(())
}

#[test]
fn allowed_rules_do_not_count() -> Result<()> {
    let allow = ["--allow", "heap-growth", "--allow", "gc-headroom"];
    check("heap-growth.found", &allow, 0, "allowed: ")?;
    check("heap-growth.found", &["--json"], 1, "{")?;
    let unknown = run(&["check", "x.trace", "--allow", "no-such-rule"])?;
    ensure!(unknown.code == Some(2), "{unknown:?}");
    ensure!(unknown.stderr.contains("no-such-rule"), "{unknown:?}");
    let neither = run(&["check"])?;
    ensure!(neither.code == Some(2), "{neither:?}");
    Ok(())
}
