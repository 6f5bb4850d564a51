//! Memory that C code allocates, which no Go profile shows: whose lines asked for it.

use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::Signal;
use tracer_tests::{Flag, GoVersion, Program, Running, Tool, functions, list};

const SOON: Duration = Duration::from_mins(1);

/// Of what C was given, so much has to be told with the way to it.
const LEAST_SHARE: f64 = 0.95;

#[test]
fn who_asked_c_for_memory_is_told() -> Result<()> {
    for (go, flags) in [
        (GoVersion::GO_1_15, &[Flag::Cgo][..]),
        (GoVersion::GO_1_27, &[Flag::Cgo, Flag::Stripped]),
    ] {
        let mut program = Running::program(&Program::build("cgo_heap", go, flags)?, &[])?;
        program.event("ready", SOON)?;
        let tool = Tool::attached(program.pid(), &["--json", "-q"])?;
        program.send("grow")?;
        let grown = program.event("grown", SOON)?;
        // Where memory is, is looked at every few seconds.
        std::thread::sleep(Duration::from_secs(5));
        tool.signal(Signal::INT)?;
        let report = tool.finish()?.report()?;

        let bytes = grown["native_bytes"].as_f64().unwrap_or_default();
        let told = list(&report.0["growth"]).iter().filter(|line| {
            let is_own = line["origin"]["function"] == "main.grow";
            is_own && functions(line).contains(&"main._Cfunc_hold".to_owned())
        });
        let told: u64 = told.filter_map(|line| line["bytes"].as_u64()).sum();
        ensure!(
            told as f64 >= LEAST_SHARE * bytes,
            "{go:?}: {told} of {bytes}: {report:#?}"
        );
        let native = report.ledger("native").unwrap_or_default();
        ensure!(native as f64 >= bytes, "{go:?}: {native} of {bytes}");
        // From the heap of the C library, or an arena of its own for the thread.
        let from_c = |origin: &serde_json::Value| origin["class"] == "cgo";
        let given = ["brk", "mprotect"].map(|call| report.calls(call, from_c).1);
        let given = given.iter().sum::<u64>() as f64;
        ensure!(
            given >= LEAST_SHARE * bytes,
            "{go:?}: {given} of {bytes}: {report:#?}"
        );
    }
    Ok(())
}
