//! More goroutines than are looked at: it is said, and those that are stand for all.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tracer_tests::{GoVersion, Program, Running, list, run};

use super::ask::{DONE, SOON};

/// One of two is looked at: up to 200 000 are.
const MANY: u64 = 250_000;

#[test]
fn some_stand_for_all() -> Result<()> {
    let executable = Program::build("quiet", GoVersion::GO_1_26, &[])?;
    let many = MANY.to_string();
    let mut program = Running::program(&executable, &["-goroutines", &many])?;
    let said: Value = serde_json::from_str(&program.line(SOON)?)?;
    let all = said["NumGoroutine"].as_u64().context("a number")?;
    let directory = tempfile::tempdir()?;
    let trace = directory.path().join("x.trace").display().to_string();
    let asked = ["--json", "-q", "-d", "3s", "-o", &trace];
    let report = tracer_tests::attach(program.pid(), &asked)?.report()?.0;
    let goroutines = &report["goroutines"];
    let number = |of: &Value, key: &str| of[key].as_u64().context(key.to_owned());
    let near = |count: u64| count.abs_diff(MANY) < MANY / 100;
    ensure!(number(goroutines, "total")? == all, "{all}: {goroutines:#}");
    let sampled = number(goroutines, "sampled")?;
    ensure!(sampled.abs_diff(all / 2) < all / 100, "{goroutines:#}");
    let mut sites = list(&goroutines["sites"]).iter();
    let site = sites.find(|site| site["function"] == "main.receive");
    let site = site.context("no site")?;
    ensure!(near(number(site, "count")?), "{site:#}");
    // Fewer stacks still are read.
    let stacks = number(site, "stacks_read")?;
    ensure!((1..=32).contains(&stacks), "{site:#}");
    let [wait] = list(&site["waits"]) else {
        anyhow::bail!("{site:#}");
    };
    ensure!(wait["at"]["function"] == "main.receive", "{wait:#}");
    ensure!(near(number(wait, "count")?), "{wait:#}");

    let text = run(&["analyze", &trace])?;
    ensure!(text.code == Some(DONE), "{text:?}");
    let sentence = format!("{sampled} of them were looked at; the counts below are scaled up");
    ensure!(text.stdout.contains(&sentence), "{}", text.stdout);
    program.close_stdin();
    program.wait(SOON)?;
    Ok(())
}
