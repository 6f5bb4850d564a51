//! `tracer attach`: watch a running process, then report.

use std::{io::IsTerminal as _, process::ExitCode, time::Instant};

use tracer_core::report::{self, Report};

use crate::{
    cli::AttachArgs,
    doctor,
    failure::{ExitStatus, Failure},
    go::Binary,
    kernel::Programs,
    output::{self, live_view::LiveView, trace_file::TraceFile},
    proc::{memlock, target::Target, tracefs},
    source::{live::Live, sink::Sink, stop::Stop},
    symbols,
};

/// Watches the process as asked and prints the report.
///
/// # Errors
/// A `Failure` that names what the target, the kernel or the permissions do not allow.
pub fn run(args: &AttachArgs) -> anyhow::Result<ExitCode> {
    let target = Target::open(args.pid)?;
    doctor::preflight()?;
    // Before any thread: a private mount belongs to the whole process only if it has one thread.
    tracefs::ensure()?;
    if let Some(warning) = memlock::raise() {
        tracing::debug!("{warning}");
    }
    let binary = identify(&target, args.any)?;
    let trace = args
        .output
        .as_deref()
        .map(|path| TraceFile::create(path, args.force))
        .transpose()?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("signals")
        .enable_all()
        .build()?;
    let (report, programs) = runtime.block_on(record(args, target, binary, trace))?;
    output::print(&if args.json {
        report::json(&report)
    } else {
        report::text(&report)
    })?;
    drop(programs);
    Ok(exit_code(&report, args.max_loss))
}

/// The program the target runs, if its file can be understood.
fn identify(target: &Target, any: bool) -> Result<Option<Binary>, Failure> {
    let exe = symbols::read_executable(target.pid()).map_err(|error| {
        Failure::unsupported(
            format!(
                "cannot read the executable of process {}: {error}",
                target.pid()
            ),
            "run tracer with sudo, or see `tracer doctor --pid PID`",
        )
    })?;
    let binary = Binary::parse(&exe).ok();
    if !any && !binary.as_ref().is_some_and(|binary| binary.is_go) {
        return Err(target.not_go(&exe));
    }
    Ok(binary)
}

async fn record(
    args: &AttachArgs,
    target: Target,
    binary: Option<Binary>,
    trace: Option<TraceFile>,
) -> anyhow::Result<(Report, Programs)> {
    let mut stop = Stop::listen()?;
    let mut sink = Sink::new(target.process_id(), trace);
    let began = Instant::now();
    let mut live = Live::start(target, binary.as_ref(), args.hooks.family(), &mut sink)?;
    drop(binary);
    tracing::info!(
        milliseconds = began.elapsed().as_millis() as u64,
        "attached"
    );

    let mut view = (!args.quiet && std::io::stderr().is_terminal())
        .then(|| LiveView::open(args.duration))
        .transpose()?;
    let each_tick = |sink: &Sink| {
        if let (Some(view), Some(report)) = (&mut view, sink.node().report()) {
            view.draw(&report);
        }
    };
    let ended_by = live
        .run(&mut sink, args.duration, &mut stop, each_tick)
        .await;
    drop(view);
    let programs = live.finish(&mut sink, ended_by);

    let (node, trace) = sink.finish();
    if let Some(trace) = trace {
        close(trace, args);
    }
    let report = node
        .report()
        .ok_or_else(|| anyhow::anyhow!("the engine knows no process"))?;
    Ok((report, programs))
}

/// Completes the trace file and says what became of it.
#[expect(clippy::print_stderr, reason = "a notice for the user, not the report")]
fn close(trace: TraceFile, args: &AttachArgs) {
    let Some(path) = args.output.as_deref() else {
        return;
    };
    let written = trace.finish();
    let path = path.display().to_string();
    let path = report::escape(&path);
    if let Some(error) = written.error {
        eprintln!(
            "warning: {path} is incomplete: {error}; its {} events until then are valid",
            written.events
        );
    } else if !args.quiet {
        let size = written.bytes as f64 / f64::from(1 << 20);
        eprintln!(
            "recorded {} events in {path} ({size:.1} MiB)",
            written.events
        );
        eprintln!("next: tracer analyze {path}");
    }
}

/// 4 when more was lost than allowed.
fn exit_code(report: &Report, max_loss_percent: f64) -> ExitCode {
    let expected: u64 = report.loss.iter().map(|kind| kind.expected).sum();
    let lost: u64 = report.loss.iter().map(|kind| kind.lost).sum();
    if lost as f64 > expected as f64 * max_loss_percent / 100.0 {
        return ExitCode::from(ExitStatus::Lossy as u8);
    }
    ExitCode::SUCCESS
}
