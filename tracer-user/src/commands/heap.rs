//! `tracer heap`: the Go heap profile of a running process, as its own pprof would write it.

mod format;
mod reading;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tracer_core::report::escape;

use crate::cli::HeapArgs;
use crate::failure::Failure;
use crate::output::heap::{self, Heap, HeapJson};
use crate::output::{self, new_file};
use crate::proc::target::Target;

use format::Format;
use reading::Reading;

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
    let target = Target::open(args.pid)?;
    let reading = Reading::of(&target)?;
    let mut caller = reading.opened.caller()?;
    let heap = Heap::new(&reading.profile, &mut caller);
    if let Some((path, format)) = wanted {
        let bytes = render(format, &heap, &reading, &target)?;
        if to_stdout {
            print_bytes(&bytes)?;
            return Ok(ExitCode::SUCCESS);
        }
        new_file::write(path, args.force, &bytes)?;
    }
    output::print(&if args.json {
        json(&heap, &reading, &target)?
    } else {
        text(&heap, &reading, &target)
    })?;
    if let Some((path, format)) = wanted {
        let name = path.display().to_string();
        let name = escape(&name);
        output::notice(&format!("wrote {name}\nnext: {} {name}", format.reader()));
    }
    Ok(ExitCode::SUCCESS)
}

fn render(
    format: Format,
    heap: &Heap<'_>,
    reading: &Reading,
    target: &Target,
) -> anyhow::Result<Vec<u8>> {
    Ok(match format {
        Format::Pprof => {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            let now = since.map_or(0, |since| since.as_nanos() as i64);
            let build_id = reading.opened.binary().build_id.as_deref();
            heap::pprof(heap, &reading.opened.mappings, build_id, now)?
        }
        Format::Folded => heap::folded(heap).into_bytes(),
        Format::Svg => {
            let title = format!("Go heap in use of {} ({})", target.comm, target.pid());
            heap::svg(heap, &title).map_err(|error| {
                let hint =
                    "where nothing is in use there is nothing to draw; -o FILE.pb.gz has the rest";
                Failure::unsupported(format!("cannot draw the profile: {error}"), hint)
            })?
        }
        Format::Text => text(heap, reading, target).into_bytes(),
    })
}

fn text(heap: &Heap<'_>, reading: &Reading, target: &Target) -> String {
    format!(
        "heap profile of pid {} ({}), {}, as of its last completed collection\n{}",
        target.pid(),
        escape(&target.comm),
        escape(reading.opened.version()),
        heap::text(heap),
    )
}

fn json(heap: &Heap<'_>, reading: &Reading, target: &Target) -> anyhow::Result<String> {
    let binary = reading.opened.binary();
    let answer = Answer {
        process: ProcessJson {
            pid: target.pid(),
            comm: &target.comm,
            exe: &target.exe_path,
            build_id: binary.build_id.as_deref(),
            go_version: binary.go_version.as_deref(),
            arch: binary.arch,
            stripped: binary.stripped,
            pie: binary.pie,
            cgo: binary.cgo,
            heap_profile: if heap.rate == 0 { "off" } else { "on" },
        },
        heap: HeapJson::new(heap),
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
    exe: &'a str,
    build_id: Option<&'a str>,
    go_version: Option<&'a str>,
    arch: &'a str,
    stripped: bool,
    pie: bool,
    cgo: bool,
    heap_profile: &'static str,
}
