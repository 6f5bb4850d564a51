//! Sockets that come and go as fast as they can: what the ledger must stand for long.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Signal;
use tracer_core::event::{Event, EventKind};
use tracer_core::node::Node;
use tracer_core::trace::Reader;

use super::endurance::accounts_add_up;
use super::go::GoVersion;
use super::host::{sockets_of, status_bytes};
use super::outcome::Report;
use super::program::Program;
use super::running::Running;
use super::tool::Tool;

const PATIENCE: Duration = Duration::from_mins(3);

/// Growth of the tool while as many sockets are opened as closed.
const FLAT: u64 = 8 << 20;

/// What became of connections that were opened and closed again.
#[derive(Clone, Copy, Debug)]
pub struct Churned {
    /// By the program's own count, each dialled, accepted, and closed at both ends.
    pub connections: u64,
    /// In a second.
    pub rate: u64,
    /// Events lost.
    pub lost: u64,
    /// RSS of the tool in bytes, after a tenth of the time and at the end.
    pub rss: (u64, u64),
}

/// Dials and closes for so long, as fast as the machine can but not faster than `rate`; at the end
/// the ledger is what the kernel lists, and the tool has not grown.
///
/// # Errors
/// With what differs.
pub fn churn(rate: u64, seconds: u64) -> Result<Churned> {
    let program = Program::build("bench", GoVersion::GO_1_26, &[])?;
    let mut load = Running::program(&program, &["-load", "conn"])?;
    load.event("ready", PATIENCE)?;
    let tool = Tool::attached(load.pid(), &["--json", "-q", "--max-loss", "100"])?;
    let (start, span) = (Instant::now(), Duration::from_secs(seconds));
    let (mut connections, mut early) = (0, None);
    while start.elapsed() < span {
        load.send(&format!("pace {rate} {rate}"))?;
        load.event("ran", PATIENCE)?;
        connections += rate;
        if early.is_none() && start.elapsed() >= span / 10 {
            early = Some(status_bytes(tool.pid(), "VmRSS")?);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let rss = (
        early.context("too short")?,
        status_bytes(tool.pid(), "VmRSS")?,
    );
    let open = sockets_of(load.pid())?;
    // The rings are read every few milliseconds.
    sleep(Duration::from_secs(1));
    tool.signal(Signal::INT)?;
    let report = tool.finish()?.report()?;
    accounts_add_up(&report)?;
    let lost = ["socket", "accept4", "connect", "close"]
        .iter()
        .filter_map(|kind| report.loss(kind))
        .map(|(_, _, lost)| lost)
        .sum();
    as_listed(&report, open, lost)?;
    let (dialled, _) = report.calls("connect", |_| true);
    ensure!(
        dialled <= connections && connections <= dialled + lost,
        "{dialled} connects"
    );
    ensure!(rss.1 <= rss.0 + FLAT, "the tool grew: {rss:?} bytes");
    Ok(Churned {
        connections,
        rate: (connections as f64 / seconds) as u64,
        lost,
        rss,
    })
}

/// The sockets are those that `/proc` lists; without losses, the calls alone say so.
fn as_listed(report: &Report, open: u64, lost: u64) -> Result<()> {
    let sockets = &report.0["sockets"];
    ensure!(sockets["open"] == open, "open is not {open}: {sockets:#}");
    for what in ["found", "contradictions"] {
        ensure!(lost > 0 || sockets[what] == 0, "{what}: {sockets:#}");
    }
    Ok(())
}

/// Opens, duplicates and closes sockets in several threads, which stand still so often: each time
/// the ledger, rebuilt from the calls alone, has as many as the kernel lists. Returns how many were
/// opened.
///
/// # Errors
/// With what differs, or when events were lost.
pub fn reuse_descriptors(rounds: usize, calls_a_round: usize) -> Result<u64> {
    let directory = tempfile::tempdir()?;
    let trace = directory.path().join("x.trace");
    let executable = Program::build_c("descriptors")?;
    let mut program = Running::program(
        &executable,
        &[&rounds.to_string(), &calls_a_round.to_string()],
    )?;
    program.event("ready", PATIENCE)?;
    let output = trace.to_str().context("path")?;
    let tool = Tool::attached(program.pid(), &["--any", "--json", "-o", output])?;
    program.send("go")?;
    let mut stills = Vec::new();
    for _ in 0..rounds {
        let still = program.event("still", PATIENCE)?;
        let at = still["at"].as_u64().context("at")?;
        stills.push((at, still["sockets"].as_u64().context("sockets")?));
    }
    program.event("done", PATIENCE)?;
    tool.signal(Signal::INT)?;
    let report = tool.finish()?.report()?;
    program.send("exit")?;
    let open = stills.last().map_or(0, |(_, open)| *open);
    as_listed(&report, open, 0)?;

    let bytes = fs::read(&trace)?;
    let events: Vec<Event> = Reader::new(&bytes)?
        // What `/proc` lists later would put right what the calls got wrong.
        .filter(|event| !matches!(event.kind, EventKind::SocketStates(_)))
        .collect();
    let mut node = Node::default();
    let mut since = 0;
    for (until, expected) in stills {
        let round = events
            .iter()
            .filter(|event| since < event.at.0 && event.at.0 <= until);
        round.for_each(|event| node.apply(event));
        since = until;
        let (_, process) = node.processes().next().context("a process")?;
        ensure!(
            process.loss().iter().all(|kind| kind.lost == 0),
            "events were lost"
        );
        let found = process.descriptors().open_sockets();
        ensure!(found == expected, "{found} instead of {expected} sockets");
    }
    Ok(report.0["sockets"]["opened"].as_u64().unwrap_or(0))
}
