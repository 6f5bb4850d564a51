//! A daemon that nobody here has written, under load: `nats-server`, against its own `/debug/pprof/heap`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tracer_tests::{GoVersion, Program, Running, attach, run};

use super::cell::same_records;
use super::raw::Raw;

const SOON: Duration = Duration::from_mins(1);
const MIB: u64 = 1 << 20;

/// Connections that send to themselves.
const CLIENTS: usize = 40;
const MESSAGE: [u8; 4000] = [b'x'; 4000];

/// Looks: what the daemon does by itself may end in a collection between two of them.
const ATTEMPTS: u32 = 3;

#[test]
fn a_daemon_under_load_adds_up_and_agrees() -> Result<()> {
    let executable = Program::build("broker", GoVersion::GO_1_26, &[])?;
    let mut broker = Running::program(&executable, &[])?;
    let ready = broker.event("ready", SOON)?;
    let address = |name: &str| ready[name].as_str().context("an address");
    let (clients, profiler) = (address("clients")?, address("profiler")?);

    let over = AtomicBool::new(false);
    let report = thread::scope(|scope| {
        for number in 0..CLIENTS {
            let over = &over;
            scope.spawn(move || send(clients, number, over));
        }
        let report = attach(broker.pid(), &["--json", "-q", "-d", "6s"]);
        over.store(true, Ordering::Relaxed);
        report
    })?;
    adds_up(&report.report()?.0["ledger"])?;

    let directory = tempfile::tempdir()?;
    let mut last = agrees(&mut broker, profiler, directory.path());
    for _ in 1..ATTEMPTS {
        if last.is_ok() {
            break;
        }
        last = agrees(&mut broker, profiler, directory.path());
    }
    last
}

/// A client as the protocol wants it, until it is over.
fn send(address: &str, number: usize, over: &AtomicBool) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let mut lines = BufReader::new(stream.try_clone()?);
    lines.read_line(&mut String::new())?;
    write!(
        stream,
        "CONNECT {{\"verbose\":false}}\r\nSUB t{number} 1\r\n"
    )?;
    let mut answer = vec![0; MESSAGE.len() + 100];
    while !over.load(Ordering::Relaxed) {
        write!(stream, "PUB t{number} {}\r\n", MESSAGE.len())?;
        stream.write_all(&MESSAGE)?;
        stream.write_all(b"\r\n")?;
        let length = lines.read(&mut answer)?;
        ensure!(length > 0, "it has hung up");
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn adds_up(ledger: &serde_json::Value) -> Result<()> {
    let rss = ledger["rss_bytes"].as_u64().context("no RSS")?;
    let residual = ledger["residual_bytes"].as_i64().context("no residual")?;
    let allowed = (rss / 20).max(2 * MIB);
    ensure!(residual.unsigned_abs() <= allowed, "{ledger:#}");
    Ok(())
}

fn agrees(broker: &mut Running, profiler: &str, directory: &Path) -> Result<()> {
    broker.send("collect")?;
    broker.event("collected", SOON)?;
    let (ours, own) = (directory.join("ours.pb.gz"), directory.join("own.pb.gz"));
    let (pid, name) = (broker.pid().to_string(), ours.display().to_string());
    let done = run(&["heap", "--pid", &pid, "--force", "-o", &name])?;
    ensure!(done.code == Some(0), "tracer heap: {}", done.stderr);
    let mut stream = TcpStream::connect(profiler)?;
    stream.write_all(b"GET /debug/pprof/heap HTTP/1.0\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n");
    fs::write(&own, &answer[head.context("no body")? + 4..])?;

    let (ours, own) = (Raw::read(&ours)?, Raw::read(&own)?);
    ensure!(ours.head == own.head, "{:?}, not {:?}", ours.head, own.head);
    same_records(&ours, &own)?;
    ensure!(ours.records.len() >= 10, "{ours:?}");
    Ok(())
}
