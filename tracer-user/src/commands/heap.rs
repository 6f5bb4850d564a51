//! `tracer heap`: the Go heap profile of a process, as its own pprof would write it; of a running one,
//! or from a trace.

mod format;
mod reading;
mod recorded;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tracer_core::event::{Mapping, ProcessFacts};
use tracer_core::report::escape;

use crate::cli::HeapArgs;
use crate::failure::Failure;
use crate::output::heap::{self, Heap, HeapJson};
use crate::output::{self, new_file};
use crate::proc::target::Target;
use crate::source;

use format::Format;
use reading::Reading;
use recorded::Recorded;

/// Reads the profile, writes the file asked for, and prints the stacks that hold most.
///
/// # Errors
/// A `Failure` that names what the target or the permissions do not allow.
pub fn run(args: &HeapArgs) -> anyhow::Result<ExitCode> {
    let wanted = args
        .output
        .as_deref()
        .map(|path| Ok::<_, Failure>((path, Format::of(path)?)))
        .transpose()?;
    let to_stdout = wanted.is_some_and(|(path, _)| path == Path::new("-"));
    if to_stdout && io::stdout().is_terminal() {
        return Err(Failure::usage(
            "a profile is not written to a terminal",
            "give a file: -o heap.pb.gz, or pipe it: `-o - > heap.pb.gz`",
        )
        .into());
    }
    let show = |subject: &Subject<'_>| show(args, wanted, to_stdout, subject);
    if let Some(file) = &args.file {
        let recorded = Recorded::read(args, file)?;
        let process = recorded.process()?;
        let collected = process.go().counters().last();
        return show(&Subject {
            heap: &recorded.heap(args.diff)?,
            pid: process.id().tgid,
            facts: process.facts(),
            mappings: &recorded.now.mappings,
            time_ns: collected.map_or(0, |counters| counters.last_gc_unix_ns as i64),
            is_difference: args.diff,
        });
    }
    let target = Target::open(args.pid.unwrap_or(0))?;
    let reading = Reading::of(&target)?;
    let mut caller = reading.opened.caller()?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    show(&Subject {
        heap: &Heap::new(&reading.profile, &mut caller),
        pid: target.pid(),
        facts: &source::facts(&target, Some(reading.opened.binary()), None),
        mappings: &reading.opened.mappings,
        time_ns: since.map_or(0, |since| since.as_nanos() as i64),
        is_difference: false,
    })
}

/// A profile, and whose it is.
struct Subject<'a> {
    heap: &'a Heap<'a>,
    pid: u32,
    facts: &'a ProcessFacts,
    mappings: &'a [Mapping],
    /// When it was, since 1970.
    time_ns: i64,
    /// What changed between two moments.
    is_difference: bool,
}

fn show(
    args: &HeapArgs,
    wanted: Option<(&Path, Format)>,
    to_stdout: bool,
    subject: &Subject<'_>,
) -> anyhow::Result<ExitCode> {
    if let Some((path, format)) = wanted {
        let bytes = render(format, subject)?;
        if to_stdout {
            print_bytes(&bytes)?;
            return Ok(ExitCode::SUCCESS);
        }
        new_file::write(path, args.force, &bytes)?;
    }
    output::print(&if args.json {
        json(subject)?
    } else {
        text(subject)
    })?;
    if let Some((path, format)) = wanted {
        let name = path.display().to_string();
        let name = escape(&name);
        output::notice(&format!("wrote {name}\nnext: {} {name}", format.reader()));
    }
    Ok(ExitCode::SUCCESS)
}

fn render(format: Format, subject: &Subject<'_>) -> anyhow::Result<Vec<u8>> {
    let (heap, facts) = (subject.heap, subject.facts);
    Ok(match format {
        Format::Pprof => {
            let build_id = facts.build_id.as_deref();
            heap::pprof(heap, subject.mappings, build_id, subject.time_ns)?
        }
        Format::Folded => heap::folded(heap).into_bytes(),
        Format::Svg => {
            let title = format!("Go heap in use of {} ({})", facts.comm, subject.pid);
            heap::svg(heap, &title).map_err(|error| {
                let hint =
                    "where nothing is in use there is nothing to draw; -o FILE.pb.gz has the rest";
                Failure::unsupported(format!("cannot draw the profile: {error}"), hint)
            })?
        }
        Format::Text => text(subject).into_bytes(),
    })
}

fn text(subject: &Subject<'_>) -> String {
    let facts = subject.facts;
    format!(
        "heap profile of pid {} ({}), {}, {}\n{}",
        subject.pid,
        escape(&facts.comm),
        escape(facts.go_version.as_deref().unwrap_or("Go")),
        if subject.is_difference {
            "what changed between two moments of its recording"
        } else {
            "as of its last completed collection"
        },
        heap::text(subject.heap, subject.is_difference),
    )
}

fn json(subject: &Subject<'_>) -> anyhow::Result<String> {
    let facts = subject.facts;
    let answer = Answer {
        process: ProcessJson {
            pid: subject.pid,
            comm: &facts.comm,
            exe: facts.exe.as_deref(),
            build_id: facts.build_id.as_deref(),
            go_version: facts.go_version.as_deref(),
            arch: &facts.arch,
            stripped: facts.stripped,
            pie: facts.pie,
            cgo: facts.cgo,
            heap_profile: if subject.heap.rate == 0 { "off" } else { "on" },
        },
        heap: HeapJson::new(subject.heap),
    };
    Ok(serde_json::to_string(&answer)? + "\n")
}

fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(|error| {
        Failure::usage(
            format!("cannot write to stdout: {error}"),
            "give it a place with room",
        )
    })
}

/// The object that `--json` prints; names as in a report.
#[derive(Serialize)]
struct Answer<'a> {
    process: ProcessJson<'a>,
    heap: HeapJson,
}

#[derive(Serialize)]
struct ProcessJson<'a> {
    pid: u32,
    comm: &'a str,
    exe: Option<&'a str>,
    build_id: Option<&'a str>,
    go_version: Option<&'a str>,
    arch: &'a str,
    stripped: Option<bool>,
    pie: Option<bool>,
    cgo: Option<bool>,
    heap_profile: &'static str,
}
