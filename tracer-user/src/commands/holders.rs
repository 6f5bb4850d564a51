//! `tracer holders`: who keeps the objects that a running Go process does not let go.

mod reading;

use std::process::ExitCode;

use serde::Serialize;
use tracer_core::event::{Frame, ProcessFacts};
use tracer_core::names::{is_own, printed};
use tracer_core::report::{self, HolderLine, HolderSearch, StackFrame};

use crate::cli::HoldersArgs;
use crate::go::runtime::heap_profile::{Call, Caller};
use crate::output;
use crate::proc::target::Target;
use reading::Reading;

/// Follows sampled objects back to what holds them, and prints that by allocation site.
///
/// # Errors
/// A `Failure` that names what the target or the permissions do not allow.
pub fn run(args: &HoldersArgs) -> anyhow::Result<ExitCode> {
    let target = Target::open(args.pid)?;
    let reading = Reading::of(&target, args)?;
    let mut caller = reading.opened.caller()?;
    let binary = reading.opened.binary();
    let facts = ProcessFacts {
        main_module: binary.main_module.clone(),
        dependencies: binary.dependencies.clone(),
        ..ProcessFacts::default()
    };
    let mut lines = Vec::new();
    for found in &reading.found.sites {
        let stack = found.site.and_then(|site| reading.stack(site));
        let stack = stack.map_or_else(Vec::new, |stack| frames(&mut caller, stack));
        let own = stack.iter().find(|frame| {
            let named = Frame {
                function: frame.function.clone(),
                go: frame.unsymbolized.is_none(),
                ..Frame::default()
            };
            is_own(&named, &facts)
        });
        lines.extend(HolderLine::of_site(found, own, &stack));
    }
    let search = HolderSearch::new(&reading.found);
    let version = reading.opened.version();
    output::print(&if args.json {
        let answer = Answer {
            schema: "tracer/holders/1",
            pid: target.pid(),
            go_version: version,
            holders: &lines,
            holder_search: &search,
        };
        serde_json::to_string(&answer)? + "\n"
    } else {
        let subject = format!("pid {} ({}), {version}", target.pid(), target.comm);
        report::holders_text(&subject, &lines, &search)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn frames(caller: &mut Caller<'_>, stack: &[u64]) -> Vec<StackFrame> {
    caller.calls(stack).0.iter().map(frame).collect()
}

fn frame(call: &Call<'_>) -> StackFrame {
    let Some(frame) = &call.frame else {
        return StackFrame {
            function: format!("{:#x}", call.address),
            file: None,
            line: None,
            inlined: false,
            unsymbolized: Some("it is outside of the executable".to_owned()),
        };
    };
    StackFrame {
        function: printed(&frame.function).into_owned(),
        file: Some(frame.file.to_string()).filter(|file| !file.is_empty()),
        line: Some(frame.line).filter(|line| *line > 0),
        inlined: frame.inlined,
        unsymbolized: None,
    }
}

/// The object that `--json` prints; names as in a report.
#[derive(Serialize)]
struct Answer<'a> {
    schema: &'static str,
    pid: u32,
    go_version: &'a str,
    holders: &'a [HolderLine],
    holder_search: &'a HolderSearch,
}
