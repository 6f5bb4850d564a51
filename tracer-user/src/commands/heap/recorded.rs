//! From a trace to the heap profile that was recorded, or why there is none.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use tracer_core::event::{self, HeapProfile, HeapProfiling, HeapSite};
use tracer_core::ledger::go::Ends;
use tracer_core::ledger::symbols::SymbolTable;
use tracer_core::process::Process;
use tracer_core::window::Window;

use crate::cli::HeapArgs;
use crate::failure::{ExitStatus, Failure};
use crate::go::Frame;
use crate::go::runtime::heap_profile::{Call, push, together};
use crate::output::heap::{Heap, Site};
use crate::source::file::{Replay, replay};

/// A trace, replayed up to a moment.
pub(super) struct Recorded {
    pub(super) now: Replay,
    /// Up to the moment that is compared with; `None` for the first profile.
    before: Option<Replay>,
    file: String,
}

impl Recorded {
    /// Replays what is asked for.
    pub(super) fn read(args: &HeapArgs, file: &Path) -> Result<Self, Failure> {
        if let Some((from, to)) = args.from.zip(args.to)
            && to <= from
        {
            return Err(Failure::usage(
                "--to is not later than --from",
                "both are times since the beginning of the trace: --from 30s --to 1m",
            ));
        }
        let until = |to: Option<Duration>| {
            let from = Duration::ZERO;
            replay(file, Window { from, to }, &mut [])
        };
        Ok(Self {
            now: until(args.to)?,
            before: args.from.map(|from| until(Some(from))).transpose()?,
            file: file.display().to_string(),
        })
    }

    /// The process that was recorded.
    pub(super) fn process(&self) -> Result<&Process, Failure> {
        self.attached(&self.now)
    }

    fn attached<'r>(&self, replay: &'r Replay) -> Result<&'r Process, Failure> {
        replay.node.attached().ok_or_else(|| {
            Failure::new(
                ExitStatus::Damaged,
                format!("{}: no whole block tells about a process", self.file),
                "the recording was stopped or damaged before its first block was complete",
            )
        })
    }

    /// The profile at the moment asked for; what changed since the other moment, if `difference`.
    pub(super) fn heap(&self, difference: bool) -> Result<Heap<'_>, Failure> {
        let process = self.process()?;
        let profiles = self.profiles(process)?;
        let heap = named(process, profiles.last());
        if !difference {
            return Ok(heap);
        }
        let before = match &self.before {
            Some(before) => {
                let earlier = self.attached(before)?;
                named(earlier, self.profiles(earlier)?.last())
            }
            None => named(process, profiles.first()),
        };
        Ok(heap.since(&before))
    }

    fn profiles<'r>(&self, process: &'r Process) -> Result<&'r Ends<HeapProfile>, Failure> {
        let profiles = process.go().profile();
        profiles.ok_or_else(|| self.missing(process))
    }

    /// Why there is no profile.
    fn missing(&self, process: &Process) -> Failure {
        let runtime = process.go().runtime();
        let profiling = runtime.and_then(|runtime| runtime.heap_profile);
        let why = match profiling {
            Some(HeapProfiling::LinkedOut) => {
                "nothing in the program refers to runtime.MemProfile, so the linker has switched \
                 the profiler off"
                    .to_owned()
            }
            Some(HeapProfiling::Off) => {
                "the program has switched its heap profiler off (runtime.MemProfileRate = 0)"
                    .to_owned()
            }
            Some(HeapProfiling::On) => "none was read until then".to_owned(),
            None => runtime
                .and_then(|runtime| runtime.unreadable.clone())
                .unwrap_or_else(|| "the Go runtime was not read".to_owned()),
        };
        Failure::unsupported(
            format!("{} has no heap profile: {why}", self.file),
            format!(
                "`tracer analyze {}` shows by which stacks memory grows",
                self.file
            ),
        )
    }
}

/// A profile with the names that the trace has.
fn named<'r>(process: &'r Process, profile: &HeapProfile) -> Heap<'r> {
    let runtime = process.go().runtime();
    let rate = runtime
        .and_then(|runtime| runtime.sample_bytes)
        .unwrap_or(0);
    let version = process.facts().go_version.as_deref().unwrap_or_default();
    let names = Names {
        symbols: process.symbols(),
        minor: minor(version).unwrap_or(u32::MAX),
    };
    let unknown = HeapSite::default();
    let sites = profile.sites.iter().map(|count| {
        let site = process.go().heap_site(count.id).unwrap_or(&unknown);
        let (calls, together) = names.calls(site);
        let object_bytes = match site.object_bytes {
            0 => count.alloc_bytes.checked_div(count.allocs).unwrap_or(0),
            bytes => bytes,
        };
        Site::new(calls, together, object_bytes, count, rate)
    });
    Heap::of(rate, sites.collect())
}

fn minor(version: &str) -> Option<u32> {
    let minor = version.strip_prefix("go1.")?;
    minor
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

/// Names calls by the symbols of the trace.
struct Names<'r> {
    symbols: &'r SymbolTable,
    minor: u32,
}

impl<'r> Names<'r> {
    /// As `heap_profile::Caller` has them.
    fn calls(&self, site: &HeapSite) -> (Vec<Call<'r>>, Vec<usize>) {
        let shown = &site.addresses[self.hidden(site)..];
        let mut calls = Vec::with_capacity(shown.len());
        for (index, pc) in shown.iter().enumerate() {
            let is_last = index + 1 == shown.len();
            let is_entry = is_last && site.ends_at_entry;
            let address = pc.wrapping_sub(u64::from(!is_entry));
            let frames = self.symbols.frames(*pc, !is_entry);
            let frames: Vec<Frame<'r>> = frames.iter().map(frame).collect();
            push(address, &frames, is_last, self.minor, &mut calls);
        }
        // The outermost call at an address is the function that the machine is in.
        let function = |call: &Call<'_>| {
            let after = self.symbols.frames(call.address.wrapping_add(1), true);
            let here = self.symbols.frames(call.address, false);
            let outermost = after.last().or(here.last());
            outermost.map(|frame| (&frame.function, &frame.file))
        };
        let together = together(&calls, |inner, outer| function(inner) == function(outer));
        (calls, together)
    }
}

impl Names<'_> {
    fn hidden(&self, site: &HeapSite) -> usize {
        if site.object_bytes > 0 {
            return (site.hidden as usize).min(site.addresses.len());
        }
        // Recordings of before 1.5 do not say it.
        let is_runtime = |pc: &u64| {
            let innermost = self.symbols.innermost(*pc, true);
            innermost.is_some_and(|frame| frame.function.starts_with("runtime."))
        };
        let shown = site.addresses.iter().position(|pc| !is_runtime(pc));
        shown.unwrap_or(0)
    }
}

fn frame(frame: &event::Frame) -> Frame<'_> {
    Frame {
        function: Cow::Borrowed(&frame.function),
        file: Cow::Borrowed(&frame.file),
        line: frame.line,
        inlined: frame.inlined,
        kind: frame.kind,
    }
}
