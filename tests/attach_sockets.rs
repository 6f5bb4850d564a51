//! Sockets that a library opens are told apart by the service's own lines.

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;
use tracer_tests::{
    Flag, GoVersion, Program, Running, Tool, check_open, check_sockets, counted_sockets, list,
    sockets_of, told_sockets,
};

const SOON: Duration = Duration::from_mins(1);

/// The open sockets are listed every five seconds, at the next tick of a second.
const TWO_LISTS: Duration = Duration::from_secs(8);

#[test]
fn six_call_sites_of_a_library_are_told_apart() -> Result<()> {
    for go in [
        GoVersion::GO_1_13,
        GoVersion::GO_1_15,
        GoVersion::GO_1_16,
        GoVersion::GO_1_18,
        GoVersion::GO_1_22,
        GoVersion::GO_1_24,
        GoVersion::GO_1_26,
        GoVersion::GO_1_27,
    ] {
        check_sockets("creators", go, &[], "on")?;
    }
    for go in [GoVersion::GO_1_13, GoVersion::GO_1_26] {
        check_sockets("creators", go, &[Flag::Stripped, Flag::Pie], "on")?;
    }
    Ok(())
}

#[test]
fn sockets_from_before_the_attach_are_told_by_their_addresses() -> Result<()> {
    let executable = Program::build("sockets", GoVersion::GO_1_27, &[])?;
    // In network and pid namespaces of its own, whose tables and numbers are not those of the tool.
    let mut unshare = Command::new("unshare");
    unshare.args(["--net", "--pid", "--fork", "--kill-child"]);
    unshare.arg(executable);
    unshare.args(["-alone", "-good", "5", "-leaky", "500"]);
    let mut program = Running::start(&mut unshare)?;
    let ready = program.event("ready", SOON)?;
    let address = ready["address"].as_str().context("an address")?;
    let pid = program.child()?;
    program.send("go")?;
    program.event("counted", SOON)?;
    let tool = Tool::attached(pid, &["--json", "-q", "--creators", "on"])?;
    // Older goroutines are listed within a second.
    sleep(Duration::from_secs(2));
    program.send("go")?;
    program.event("counted", SOON)?;
    let open = sockets_of(pid)?;
    sleep(Duration::from_millis(700));
    tool.signal(Signal::INT)?;
    let report = tool.finish()?.report()?.0;
    check_open(&report, open)?;
    let sockets = &report["sockets"];
    // Both ends of each connection, and the listener.
    ensure!(sockets["pre_existing"] == 1001, "{sockets:#}");
    for (direction, expected, state) in [
        ("dialled", 500, "ESTABLISHED"),
        ("accepted", 500, "ESTABLISHED"),
        ("listening", 1, "LISTEN"),
    ] {
        let group = list(&sockets["unexplained"])
            .iter()
            .find(|group| group["direction"] == direction)
            .with_context(|| format!("{direction}: {sockets:#}"))?;
        ensure!(
            group["open"] == expected && group["states"][state] == expected,
            "{group:#}"
        );
        ensure!(group["address"] == address, "{group:#}");
    }
    for own in ["main.dialGood", "main.dialLeaky", "main.serve"] {
        let origins = list(&sockets["origins"]).iter();
        let known = origins.filter(|origin| origin["origin"]["function"] == own);
        ensure!(known.count() == 1, "{own}: {sockets:#}");
    }
    check_openers(&report)
}

/// The main goroutine has dialled; the one that it created has accepted, maybe before the older
/// goroutines were listed: then it is not known who did.
fn check_openers(report: &Value) -> Result<()> {
    for (creator, may_be_unknown) in [(Value::Null, false), ("main.main".into(), true)] {
        let site = list(&report["goroutines"]["sites"])
            .iter()
            .find(|site| site["created_by"]["function"] == creator)
            .with_context(|| format!("by {creator}: {:#}", report["goroutines"]))?;
        let unknown = may_be_unknown && site["open_sockets"].is_null();
        ensure!(unknown || site["open_sockets"] == 500, "{site:#}");
    }
    Ok(())
}

#[test]
fn the_chain_proves_the_origin() -> Result<()> {
    let report = check_sockets("creators", GoVersion::GO_1_26, &[], "on")?;
    ensure!(
        report["sockets"]["creators"]["watching"] == true,
        "{:#}",
        report["sockets"]
    );
    for origin in list(&report["sockets"]["origins"]) {
        let own = origin["origin"]["function"].as_str().context("an origin")?;
        if origin["accepted"] == true {
            ensure!(own == "main.serve", "{origin:#}");
            continue;
        }
        // The dialling goroutine was asked for by the transport, on behalf of the own line.
        let hop = origin["chain"][0]["function"].as_str().unwrap_or_default();
        ensure!(hop.starts_with("net/http.(*Transport)"), "{origin:#}");
        ensure!(
            origin["origin"]["file"] == "programs/creators/main.go",
            "{origin:#}"
        );
    }
    Ok(())
}

#[test]
fn a_client_per_request_is_found_two_goroutines_away() -> Result<()> {
    let report = check_sockets("grpc_dial", GoVersion::GO_1_27, &[Flag::Stripped], "on")?;
    let origins = list(&report["sockets"]["origins"]);
    let forgotten = origins
        .iter()
        .find(|origin| origin["origin"]["function"] == "main.forgotten")
        .context("main.forgotten")?;
    let chain: Vec<&str> = list(&forgotten["chain"])
        .iter()
        .filter_map(|hop| hop["function"].as_str())
        .collect();
    let library = "google.golang.org/grpc";
    ensure!(
        chain.len() == 2 && chain.iter().all(|hop| hop.starts_with(library)),
        "{forgotten:#}"
    );
    Ok(())
}

#[test]
fn without_the_watch_the_report_says_what_is_missing() -> Result<()> {
    let mut program = Running::program(&Program::build("creators", GoVersion::GO_1_26, &[])?, &[])?;
    program.event("ready", SOON)?;
    let tool = Tool::attached(program.pid(), &["--json", "--creators", "off"])?;
    program.send("go")?;
    program.event("counted", SOON)?;
    sleep(Duration::from_millis(700));
    tool.signal(Signal::INT)?;
    let report = tool.finish()?.report()?.0;
    let origins = list(&report["sockets"]["origins"]);
    let dialled = origins.iter().find(|origin| origin["accepted"] == false);
    let dialled = dialled.context("an origin")?;
    ensure!(dialled["origin"].is_null(), "{dialled:#}");
    let missing = dialled["origin_missing"].as_str().unwrap_or_default();
    ensure!(missing.contains("--creators on"), "{dialled:#}");
    Ok(())
}

#[test]
fn what_became_of_connects_is_told() -> Result<()> {
    for go in [GoVersion::GO_1_15, GoVersion::GO_1_26] {
        check_sockets("dials", go, &[], "on")?;
    }
    Ok(())
}

#[test]
fn what_is_passed_to_another_process_is_closed_here_and_received_there() -> Result<()> {
    let executable = Program::build("passing", GoVersion::GO_1_26, &[])?;
    let mut sender = Running::program(&executable, &[])?;
    let ready = sender.event("ready", SOON)?;
    let receiver = ready["receiver"].as_u64().context("a pid")? as u32;
    let at_sender = Tool::attached(sender.pid(), &["--json", "-q"])?;
    let at_receiver = Tool::attached(receiver, &["--json", "-q"])?;
    sender.send("go")?;
    let said = sender.event("counted", SOON)?;
    sleep(TWO_LISTS);
    let open = [sockets_of(sender.pid())?, sockets_of(receiver)?];
    for tool in [&at_sender, &at_receiver] {
        tool.signal(Signal::INT)?;
    }
    let here = at_sender.finish()?.report()?.0;
    let there = at_receiver.finish()?.report()?.0;
    let (found, expected) = (told_sockets(&here, false), counted_sockets(&said)?);
    ensure!(found == expected, "{found:?} instead of {expected:?}");
    check_open(&here, open[0])?;

    let sockets = &there["sockets"];
    for (what, expected) in [
        ("open", &open[1].into()),
        ("opened", &0.into()),
        ("contradictions", &0.into()),
        ("found", &said["kept"]),
    ] {
        ensure!(sockets[what] == *expected, "{what}: {sockets:#}");
    }
    // Kernels that preempt probes may have skipped a call that opens, of whatever process.
    let mut kinds = list(&there["loss"]).iter();
    if sockets["received"].is_null() && kinds.any(|kind| kind["skipped"] != 0) {
        return Ok(());
    }
    ensure!(sockets["received"] == said["kept"], "{sockets:#}");
    let groups = list(&sockets["unexplained"]).iter();
    let groups: Vec<&Value> = groups.filter(|group| group["received"] == true).collect();
    let [group] = groups[..] else {
        anyhow::bail!("{sockets:#}");
    };
    ensure!(group["open"] == said["kept"], "{group:#}");
    ensure!(group["address"] == ready["address"], "{group:#}");
    Ok(())
}

#[test]
fn a_program_that_closes_what_is_being_listed() -> Result<()> {
    let executable = Program::build("sockets", GoVersion::GO_1_26, &[])?;
    let mut program = Running::program(&executable, &["-good", "0", "-leaky", "300"])?;
    program.event("ready", SOON)?;
    let pid = program.pid().to_string();
    let args = ["attach", "--verbose", "--json", "-q", "--pid", &pid];
    let mut tool = Tool::start(&args)?;
    // For longer than attaching takes.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        for command in ["go", "close"] {
            program.send(command)?;
            program.event("counted", SOON)?;
        }
    }
    tool.until("attached")?;
    sleep(Duration::from_millis(700));
    let open = sockets_of(program.pid())?;
    tool.signal(Signal::INT)?;
    check_open(&tool.finish()?.report()?.0, open)
}

#[test]
fn the_table_alone() -> Result<()> {
    let mut program = Running::program(&Program::build("creators", GoVersion::GO_1_27, &[])?, &[])?;
    program.event("ready", SOON)?;
    let pid = program.pid().to_string();
    let args = ["sockets", "--verbose", "--pid", &pid, "-d", "4s", "--json"];
    let mut tool = Tool::start(&args)?;
    tool.until("attached")?;
    program.send("go")?;
    let expected = counted_sockets(&program.event("counted", SOON)?)?;
    let table: Value = serde_json::from_str(&tool.finish()?.stdout)?;
    ensure!(table["schema"] == "tracer/sockets/1", "{table:#}");
    let found = told_sockets(&table, false);
    ensure!(found == expected, "{found:?} instead of {expected:?}");
    for origin in list(&table["sockets"]["origins"]) {
        let states = origin["states"].as_object().context("states")?;
        let known: u64 = states.values().filter_map(Value::as_u64).sum();
        ensure!(origin["open"] == known, "{origin:#}");
    }
    check_open(&table, sockets_of(program.pid())?)
}
