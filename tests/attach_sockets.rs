//! Sockets that a library opens are told apart by the service's own lines.

use std::collections::BTreeMap;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tracer_tests::{Flag, GoVersion, Program, Running, Tool, list, run, sockets_of};

const SOON: Duration = Duration::from_mins(1);

/// Function of the own line, to what was opened, closed and is open.
type Counts = BTreeMap<String, (u64, u64, u64)>;

/// What the report says of the sockets that were dialled.
fn dialled(report: &Value) -> Counts {
    let mut counts = Counts::new();
    for origin in list(&report["sockets"]["origins"]) {
        if origin["accepted"] == true {
            continue;
        }
        let own = &origin["origin"]["function"];
        let name = own.as_str().unwrap_or("nobody").to_owned();
        let number = |key: &str| origin[key].as_u64().unwrap_or(0);
        let count = counts.entry(name).or_default();
        count.0 += number("opened");
        count.1 += number("closed");
        count.2 += number("open");
    }
    counts
}

/// What the program counted.
fn counted(said: &Value) -> Result<Counts> {
    let opened = said["opened"].as_object().context("opened")?;
    let of = |(name, opened): (&String, &Value)| {
        let (opened, closed) = (opened.as_u64()?, said["closed"][name].as_u64().unwrap_or(0));
        Some((name.clone(), (opened, closed, opened - closed)))
    };
    opened
        .iter()
        .map(|place| of(place).context("a count"))
        .collect()
}

/// Runs a program under the tool: what it counted is what the report says, live and replayed.
fn check(name: &str, go: GoVersion, flags: &[Flag], creators: &str) -> Result<Value> {
    let mut program = Running::program(&Program::build(name, go, flags)?, &[])?;
    program.event("ready", SOON)?;
    let directory = tempfile::tempdir()?;
    let trace = directory.path().join("sockets.trace");
    let trace = trace.to_str().context("a path in UTF-8")?;
    let args = ["--json", "-q", "-o", trace, "--creators", creators];
    let tool = Tool::attached(program.pid(), &args)?;
    program.send("go")?;
    let expected = counted(&program.event("counted", SOON)?)?;
    let open = sockets_of(program.pid())?;
    // The ring is read every few milliseconds; names are found while the target lives.
    sleep(Duration::from_millis(700));
    tool.signal(rustix::process::Signal::INT)?;
    let outcome = tool.finish()?;
    let report = outcome.report()?.0;
    for line in list(&report["loss"]) {
        let number = |key: &str| line[key].as_u64().unwrap_or(u64::MAX);
        ensure!(
            number("expected") == number("received") + number("lost"),
            "{go:?} {flags:?}: {line}"
        );
    }
    let replayed = run(&["analyze", "--json", trace])?;
    ensure!(
        replayed.stdout == outcome.stdout,
        "{go:?}: the replay differs"
    );
    let found = dialled(&report);
    ensure!(
        found == expected,
        "{go:?} {flags:?}: {found:?} instead of {expected:?}\n{:#}",
        report["sockets"]
    );
    check_ledger(&report, open)?;
    Ok(report)
}

/// The sockets that are open are those that the kernel lists, and the calls account for all.
fn check_ledger(report: &Value, open: u64) -> Result<()> {
    let sockets = &report["sockets"];
    for (what, expected) in [("open", open), ("found", 0), ("contradictions", 0)] {
        ensure!(
            sockets[what] == expected,
            "{what} is not {expected}: {sockets:#}"
        );
    }
    Ok(())
}

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
        check("creators", go, &[], "on")?;
    }
    for go in [GoVersion::GO_1_13, GoVersion::GO_1_26] {
        check("creators", go, &[Flag::Stripped, Flag::Pie], "on")?;
    }
    Ok(())
}

#[test]
fn clients_of_real_libraries_are_told_apart() -> Result<()> {
    check("clients", GoVersion::GO_1_27, &[Flag::Stripped], "on")?;
    check("clients_2020", GoVersion::GO_1_13, &[], "on")?;
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
    tool.signal(rustix::process::Signal::INT)?;
    let report = tool.finish()?.report()?.0;
    check_ledger(&report, open)?;
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
    let report = check("creators", GoVersion::GO_1_26, &[], "on")?;
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
    let report = check("grpc_dial", GoVersion::GO_1_27, &[Flag::Stripped], "on")?;
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
    tool.signal(rustix::process::Signal::INT)?;
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
fn the_table_alone() -> Result<()> {
    let mut program = Running::program(&Program::build("creators", GoVersion::GO_1_27, &[])?, &[])?;
    program.event("ready", SOON)?;
    let pid = program.pid().to_string();
    let args = ["sockets", "--verbose", "--pid", &pid, "-d", "4s", "--json"];
    let mut tool = Tool::start(&args)?;
    tool.until("attached")?;
    program.send("go")?;
    let expected = counted(&program.event("counted", SOON)?)?;
    let table: Value = serde_json::from_str(&tool.finish()?.stdout)?;
    ensure!(table["schema"] == "tracer/sockets/1", "{table:#}");
    let found = dialled(&table);
    ensure!(found == expected, "{found:?} instead of {expected:?}");
    for origin in list(&table["sockets"]["origins"]) {
        let states = origin["states"].as_object().context("states")?;
        let known: u64 = states.values().filter_map(Value::as_u64).sum();
        ensure!(origin["open"] == known, "{origin:#}");
    }
    check_ledger(&table, sockets_of(program.pid())?)
}
