//! `cargo xtask demo`: story 2 of the project, live: memory that is high although nothing leaks.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Result;
use tracer_tests::{GoVersion, Program, Running};

use crate::command::{cargo, shown};
use crate::setup;
use crate::step::failure;

/// The service drops its memory while the tool watches.
const DROP_AFTER_SECONDS: &str = "3";

const NEXT: &str = "\
What to try next (root; PID is any Go process of yours):
  target/release/tracer attach --pid PID -d 30s
  target/release/tracer attach --pid PID -d 30s -o growth.trace
  target/release/tracer analyze growth.trace
  target/release/tracer explain";

#[expect(clippy::print_stdout, reason = "a command that explains itself")]
pub(crate) fn run() -> Result<()> {
    if !tracer_tests::host_has_bpf() {
        return Err(failure(
            "attaching needs root and a kernel with BPF and BTF",
            "run `cargo xtask demo` in a root shell (`sudo -i`); containers need --privileged",
        ));
    }
    let start = Instant::now();
    setup::run()?;
    shown(&mut cargo(&["build", "--release", "--bin", "tracer"]))?;

    let service = Program::build("lazily_freed", GoVersion::GO_1_15, &[])?;
    let service = Running::start(Command::new(service).args(["-hold", DROP_AFTER_SECONDS]))?;
    service.event("ready", Duration::from_secs(20))?;
    let pid = service.pid().to_string();
    println!(
        "demo: ready after {:.0} s. Process {pid} is a Go 1.15 service with 400 MiB in its heap; \
         in {DROP_AFTER_SECONDS} s it drops them.\n\
         demo: tracer attach --pid {pid} -d 15s\n",
        start.elapsed().as_secs_f64()
    );
    shown(Command::new(tracer_tests::tracer_binary()?).args([
        "attach",
        "--pid",
        &pid,
        "--duration",
        "15s",
    ]))?;
    // Ends the service.
    drop(service);
    println!("\n{NEXT}");
    Ok(())
}
