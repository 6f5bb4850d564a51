//! The ledger of sockets, rebuilt from calls alone, is what the kernel lists at each check point.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tracer_core::event::{Event, EventKind};
use tracer_core::{node::Node, trace::Reader};
use tracer_tests::{Program, Running, Tool};

const SOON: Duration = Duration::from_mins(1);

/// Times at which the threads of the program stand still.
const ROUNDS: usize = 25;

/// Steps of each thread between two of them: all calls together fit into the ring, so that none is
/// lost however late it is read.
const CALLS: &str = "500";

#[test]
fn every_socket_is_accounted_for_while_numbers_are_reused() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let trace = directory.path().join("x.trace");
    let executable = Program::build_c("descriptors")?;
    let mut program = Running::program(&executable, &[&ROUNDS.to_string(), CALLS])?;
    program.event("ready", SOON)?;
    let output = trace.to_str().context("path")?;
    let tool = Tool::attached(program.pid(), &["--any", "--json", "-o", output])?;
    program.send("go")?;
    let mut stills = Vec::new();
    for _ in 0..ROUNDS {
        let still = program.event("still", SOON)?;
        let at = still["at"].as_u64().context("at")?;
        stills.push((at, still["sockets"].as_u64().context("sockets")?));
    }
    program.event("done", SOON)?;
    tool.signal(rustix::process::Signal::INT)?;
    let report = tool.finish()?.report()?.0;
    program.send("exit")?;
    let sockets = &report["sockets"];
    for (what, expected) in [
        ("open", stills.last().map_or(0, |(_, open)| *open)),
        ("found", 0),
        ("contradictions", 0),
    ] {
        ensure!(sockets[what] == expected, "{what}: {sockets:#}");
    }

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
    Ok(())
}
