//! `tracer check`: a line for each finding, and exit code 1 when one of them is a leak.

mod format;
mod limits;

use std::process::ExitCode;

use tracer_core::{
    report::{Report, StackFrame, Status, json},
    rules::RULES,
};

use super::{analyze, attach};
use crate::{
    cli::{CheckArgs, CheckFormat},
    failure::{ExitStatus, Failure},
    output,
};

/// Watches a process or reads a trace, and prints what was found.
///
/// # Errors
/// Those of `attach` and `analyze`, and a rule to allow that does not exist.
pub fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    if let Some(unknown) = args.allow.iter().find(|name| !is_rule(name)) {
        return Err(Failure::usage(
            format!("there is no rule {unknown:?}"),
            "`tracer explain` lists the rules",
        )
        .into());
    }
    let (report, code, programs) = if let Some(file) = &args.file {
        let report = analyze::load(file, args.window.window()?, &[])?;
        (report, ExitCode::SUCCESS, None)
    } else {
        let watch = args.watch();
        let (report, programs) = attach::watch(&watch)?;
        let code = attach::exit_code(&report, watch.max_loss);
        (report, code, Some(programs))
    };
    let findings = findings(&report, args);
    let has_failed = findings.iter().any(|finding| finding.kind == Kind::Leak);
    output::print(&match args.format {
        _ if args.json => json(&report),
        CheckFormat::Text => format::text(&report, &findings),
        CheckFormat::Junit => format::junit(&findings),
        CheckFormat::Github => format::github(&findings),
    })?;
    drop(programs);
    Ok(if has_failed {
        ExitCode::from(ExitStatus::LeakFound as u8)
    } else {
        code
    })
}

/// What is said of a rule or of a limit.
struct Finding<'a> {
    /// The rule, or the option that sets the limit.
    name: &'a str,
    kind: Kind,
    message: String,
    places: Vec<&'a StackFrame>,
}

/// What follows from a finding.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// The check fails: a leak, or more than the limit.
    Leak,
    /// A leak that was allowed.
    Allowed,
    /// Found, and no leak.
    NoLeak,
    /// Looked for in vain.
    Clear,
    /// Not to be judged.
    Unsure,
}

fn is_rule(name: &str) -> bool {
    RULES.iter().any(|rule| rule.name() == name)
}

/// Of the limits, then of all rules in the order of the report: leaks first.
fn findings<'a>(report: &'a Report, args: &CheckArgs) -> Vec<Finding<'a>> {
    let rules = report.verdicts.iter().map(|verdict| {
        let is_allowed = args.allow.iter().any(|name| name == verdict.rule);
        let kind = match (verdict.status, verdict.leak) {
            (Status::Found, _) if is_allowed => Kind::Allowed,
            (Status::Found, true) => Kind::Leak,
            (Status::Found, false) => Kind::NoLeak,
            (Status::Clear, _) => Kind::Clear,
            (Status::Unsure, _) => Kind::Unsure,
        };
        let message = verdict.headline.clone().or(verdict.missing.clone());
        Finding {
            name: verdict.rule,
            kind,
            message: message.unwrap_or_default(),
            places: verdict.origins.iter().map(|origin| &origin.line).collect(),
        }
    });
    limits::exceeded(report, args)
        .into_iter()
        .chain(rules)
        .collect()
}
