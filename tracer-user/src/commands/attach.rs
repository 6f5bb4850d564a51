//! `tracer attach`: watch a running process, then report.

use std::{io::IsTerminal as _, process::ExitCode, time::Instant};

use tracer_core::report::{self, Report};

use crate::{
    cli::AttachArgs,
    doctor,
    failure::{ExitStatus, Failure},
    kernel::Programs,
    output::{self, live_view::LiveView, trace_file::TraceFile},
    proc::{is_gone, memlock, open_files, own_heap, target::Target, tracefs},
    source::{
        live::{Live, Options},
        sink::Sink,
        stop::Stop,
    },
    symbols::Executable,
};

/// Watches the process as asked and prints the report.
///
/// # Errors
/// A `Failure` that names what the target, the kernel or the permissions do not allow.
pub fn run(args: &AttachArgs) -> anyhow::Result<ExitCode> {
    let (report, programs) = watch(args)?;
    output::print(&if args.json {
        report::json(&report)
    } else {
        report::text(&report)
    })?;
    drop(programs);
    Ok(exit_code(&report, args.max_loss))
}

/// Watches the process as asked. The programs are still loaded: unloading them takes its time, and
/// what is said of the report comes first.
///
/// # Errors
/// A `Failure` that names what the target, the kernel or the permissions do not allow.
pub(super) fn watch(args: &AttachArgs) -> anyhow::Result<(Report, Programs)> {
    own_heap::keep_small();
    let target = Target::open(args.pid)?;
    open_files::raise();
    doctor::preflight()?;
    // Before any thread: a private mount belongs to the whole process only if it has one thread.
    tracefs::ensure()?;
    if let Some(warning) = memlock::raise() {
        tracing::debug!("{warning}");
    }
    let executable = identify(&target, args.any)?;
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
    runtime.block_on(record(args, target, executable, trace))
}

/// The program the target runs, if its file can be understood.
fn identify(target: &Target, any: bool) -> Result<Option<Executable>, Failure> {
    let (bytes, executable) = Executable::read(target.pid()).map_err(|error| {
        if is_gone(&error) || target.has_exited() {
            return target.exited();
        }
        Failure::unsupported(
            format!(
                "cannot read the executable of process {}: {error}",
                target.pid()
            ),
            "run tracer with sudo, or see `tracer doctor --pid PID`",
        )
    })?;
    let is_go = executable
        .as_ref()
        .is_some_and(|executable| executable.binary().is_go);
    if !any && !is_go {
        return Err(target.not_go(&bytes));
    }
    Ok(executable)
}

async fn record(
    args: &AttachArgs,
    target: Target,
    executable: Option<Executable>,
    trace: Option<TraceFile>,
) -> anyhow::Result<(Report, Programs)> {
    let mut stop = Stop::listen()?;
    let mut sink = Sink::new(target.process_id(), trace);
    // Before anything is recorded: a terminal may take its time to answer.
    let mut view = open_view(args);
    let began = Instant::now();
    let options = Options {
        family: args.hooks.family(),
        creators: args.creators,
        allocs: args.allocs,
        stacks: args.stacks(),
        holders: args.holders,
    };
    let mut live = Live::start(target, executable, options, &mut sink)?;
    tracing::info!(
        milliseconds = began.elapsed().as_millis() as u64,
        "attached"
    );

    let mut recording = args.output.as_deref();
    let each_tick = |sink: &Sink| {
        if let Some(error) = sink.trace_error()
            && let Some(path) = recording.take()
        {
            let path = path.display().to_string();
            let text = format!("warning: cannot write {}: {error}", report::escape(&path));
            say(view.as_mut(), &format!("{text}; the tracing goes on"));
        }
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

/// The live view, on a terminal that can show it.
fn open_view(args: &AttachArgs) -> Option<LiveView> {
    let wanted = !args.quiet && std::io::stderr().is_terminal();
    let opened = wanted.then(|| LiveView::open(args.duration))?;
    opened
        .inspect_err(|error| tracing::warn!("no live view: {error}"))
        .ok()
}

/// Says something while the view is open, or when there is none.
fn say(view: Option<&mut LiveView>, text: &str) {
    match view {
        Some(view) => view.say(text),
        None => output::notice(text),
    }
}

/// Completes the trace file and says what became of it.
fn close(trace: TraceFile, args: &AttachArgs) {
    let Some(path) = args.output.as_deref() else {
        return;
    };
    let written = trace.finish();
    let path = path.display().to_string();
    let path = report::escape(&path);
    if let Some(error) = written.error {
        output::notice(&format!(
            "warning: {path} is incomplete: {error}; its {} events until then are valid",
            written.events
        ));
    } else if !args.quiet {
        let size = written.bytes as f64 / f64::from(1 << 20);
        output::notice(&format!(
            "recorded {} events in {path} ({size:.1} MiB)\nnext: tracer analyze {path}",
            written.events
        ));
    }
}

/// 4 when more was lost than allowed.
pub(super) fn exit_code(report: &Report, max_loss_percent: f64) -> ExitCode {
    let expected: u64 = report.loss.iter().map(|kind| kind.expected).sum();
    let lost: u64 = report.loss.iter().map(|kind| kind.lost).sum();
    if lost as f64 > expected as f64 * max_loss_percent / 100.0 {
        return ExitCode::from(ExitStatus::Lossy as u8);
    }
    ExitCode::SUCCESS
}
