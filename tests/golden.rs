//! Every rule has a recording of a sick program and of its healthy twin, kept for ever.
//!
//! `RULE.found.trace` and `RULE.clear.trace` are real recordings; the `.txt` beside each is the
//! report it must give. After a wanted change of the report: `BLESS=1 cargo test --test golden`.

use std::{env, fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use tracer_core::rules::RULES;
use tracer_tests::run;

#[test]
fn each_rule_tells_sick_from_healthy() -> Result<()> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden");
    for rule in RULES {
        for status in ["found", "clear"] {
            let name = format!("{}.{status}", rule.name());
            let trace = directory.join(format!("{name}.trace"));
            let trace = trace.to_str().context("path")?;

            let report = run(&["analyze", trace, "--json"])?.report()?;
            let verdict = report.verdict(rule.name());
            ensure!(verdict["status"] == status, "{name}: {verdict:#}");

            let text = run(&["analyze", trace])?.stdout;
            let expected = directory.join(format!("{name}.txt"));
            if env::var_os("BLESS").is_some() {
                fs::write(&expected, &text)?;
            }
            let expected = fs::read_to_string(&expected).with_context(|| name.clone())?;
            assert_eq!(text, expected, "{name}");
        }
    }
    Ok(())
}
