//! Daemons that nobody here has written, under load: against their own `/debug/pprof/heap`.

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

/// Connections at once.
const CLIENTS: usize = 40;
const MESSAGE: [u8; 4000] = [b'x'; 4000];

/// Looks: what the daemon does by itself may end in a collection between two of them.
const ATTEMPTS: u32 = 3;

/// A client, until it is over.
type Client = fn(address: &str, number: usize, over: &AtomicBool) -> Result<()>;

#[test]
fn nats_server_under_load_adds_up_and_agrees() -> Result<()> {
    adds_up_and_agrees("broker", send)
}

#[test]
fn etcd_under_load_adds_up_and_agrees() -> Result<()> {
    adds_up_and_agrees("store", put)
}

fn adds_up_and_agrees(program: &str, client: Client) -> Result<()> {
    let executable = Program::build(program, GoVersion::GO_1_26, &[])?;
    let mut daemon = Running::program(&executable, &[])?;
    let ready = daemon.event("ready", SOON)?;
    let address = |name: &str| ready[name].as_str().context("an address");
    let (clients, profiler) = (address("clients")?, address("profiler")?);

    let over = AtomicBool::new(false);
    let report = thread::scope(|scope| {
        let over = &over;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| scope.spawn(move || client(clients, number, over)))
            .collect();
        let report = attach(daemon.pid(), &["--json", "-q", "-d", "6s"]);
        over.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().ok().context("a client panicked")??;
        }
        report
    })?;
    adds_up(&report.report()?.0["ledger"])?;

    let directory = tempfile::tempdir()?;
    let mut last = agrees(&mut daemon, profiler, directory.path());
    for _ in 1..ATTEMPTS {
        if last.is_ok() {
            break;
        }
        last = agrees(&mut daemon, profiler, directory.path());
    }
    last
}

/// Publishes to itself, as the protocol of NATS wants it.
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

/// Puts values, each under a key of its own, through etcd's JSON gateway: keys and values are base64.
fn put(address: &str, number: usize, over: &AtomicBool) -> Result<()> {
    let value = str::from_utf8(&MESSAGE)?;
    for round in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let key = number * 10_000 + round % 10_000;
        let body = format!("{{\"key\":\"{key:08}\",\"value\":\"{value}\"}}");
        let answer = ask(address, "POST /v3/kv/put", &body)?;
        ensure!(
            answer.windows(8).any(|part| part == b"revision"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    Ok(())
}

/// What a server answers to one request: the body.
fn ask(address: &str, what: &str, body: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    let length = body.len();
    write!(
        stream,
        "{what} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n");
    Ok(answer.split_off(head.context("no body")? + 4))
}

fn adds_up(ledger: &serde_json::Value) -> Result<()> {
    let rss = ledger["rss_bytes"].as_u64().context("no RSS")?;
    let residual = ledger["residual_bytes"].as_i64().context("no residual")?;
    let allowed = (rss / 20).max(2 * MIB);
    ensure!(residual.unsigned_abs() <= allowed, "{ledger:#}");
    Ok(())
}

fn agrees(daemon: &mut Running, profiler: &str, directory: &Path) -> Result<()> {
    daemon.send("collect")?;
    daemon.event("collected", SOON)?;
    let (ours, own) = (directory.join("ours.pb.gz"), directory.join("own.pb.gz"));
    let (pid, name) = (daemon.pid().to_string(), ours.display().to_string());
    let done = run(&["heap", "--pid", &pid, "--force", "-o", &name])?;
    ensure!(done.code == Some(0), "tracer heap: {}", done.stderr);
    fs::write(&own, ask(profiler, "GET /debug/pprof/heap", "")?)?;

    let (ours, own) = (Raw::read(&ours)?, Raw::read(&own)?);
    ensure!(ours.head == own.head, "{:?}, not {:?}", ours.head, own.head);
    same_records(&ours, &own)?;
    ensure!(ours.records.len() >= 10, "{ours:?}");
    Ok(())
}
