//! Inside the machine: this program is init, runs the checks and prints a line for each.

mod allocations;
mod calls;
mod lazily_freed;
mod preempted;
mod restricted;
mod setting;
mod untold;

use std::thread;

use anyhow::{Result, bail, ensure};
use clap::Args;
use rustix::system::{RebootCommand, reboot, uname};

use super::cell::Cell;
use crate::step::failure;

#[derive(Args)]
pub(crate) struct Options {
    /// Hook families that this kernel must have; whatever the tool finds, if none is named
    #[arg(long, value_delimiter = ',')]
    families: Vec<String>,
    /// Names of checks
    #[arg(long, value_delimiter = ',')]
    checks: Vec<String>,
}

/// Something that has to hold on every kernel.
pub(super) struct Check {
    pub name: &'static str,
    look: Look,
}

/// What a check looks at; it tells what it saw.
enum Look {
    /// A run of the tool that chose the hooks itself, on a program in a cgroup.
    Untold(fn(&untold::Seen, &[String]) -> Result<String>),
    /// A recorded run on a program that counts its own calls.
    Calls(fn(&calls::Seen) -> Result<String>),
    /// A run on a program that gives memory back; all families at once, it takes its time.
    Released(fn(&str) -> Result<String>),
    /// What leaves the hooks to the tool, too, and comes after all else.
    Last(fn() -> Result<String>),
}

/// In reading order.
const CHECKS: &[Check] = &[
    Check {
        name: "doctor",
        look: Look::Untold(untold::doctor),
    },
    Check {
        name: "cgroup",
        look: Look::Untold(untold::cgroup),
    },
    Check {
        name: "calls",
        look: Look::Calls(calls::counted),
    },
    Check {
        name: "stacks",
        look: Look::Calls(calls::named),
    },
    Check {
        name: "replay",
        look: Look::Calls(calls::replayed),
    },
    Check {
        name: "lazily-freed",
        look: Look::Released(lazily_freed::found),
    },
    Check {
        name: "allocations",
        look: Look::Last(allocations::told),
    },
    Check {
        name: "preempted",
        look: Look::Last(preempted::counted),
    },
    // The kernel stays restricted.
    Check {
        name: "restricted",
        look: Look::Last(restricted::restricted),
    },
];

/// The hook family of checks that leave the choice to the tool.
const AUTO: &str = "auto";

/// The checks to make: one by its name, or all.
pub(super) fn chosen(name: Option<&str>) -> Result<Vec<&'static Check>> {
    let wanted = |check: &&Check| name.is_none_or(|name| name == check.name);
    let checks: Vec<_> = CHECKS.iter().filter(wanted).collect();
    if checks.is_empty() {
        let all: Vec<_> = CHECKS.iter().collect();
        return Err(failure(
            format!("there is no check {:?}", name.unwrap_or_default()),
            format!("there are: {}", names(&all)),
        ));
    }
    Ok(checks)
}

/// As `--checks` takes them.
pub(super) fn names(checks: &[&Check]) -> String {
    let names: Vec<_> = checks.iter().map(|check| check.name).collect();
    names.join(",")
}

/// Hooks and check of every cell that a guest with these families owes.
pub(super) fn cells<'a>(
    families: &[&'a str],
    checks: &[&'a Check],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let is_untold = |check: &&&Check| matches!(check.look, Look::Untold(_) | Look::Last(_));
    let untold = checks.iter().filter(is_untold);
    let told = families.iter().flat_map(move |family| {
        let told = checks.iter().filter(move |check| !is_untold(check));
        told.map(|check| (*family, check.name))
    });
    untold.map(|check| (AUTO, check.name)).chain(told)
}

/// Runs as init: makes the checks, then ends the machine.
#[expect(clippy::print_stderr, reason = "the console is all there is")]
pub(crate) fn run(options: &Options) -> Result<()> {
    // Anywhere else a reboot would be a bad surprise.
    ensure!(std::process::id() == 1, "only init of a guest does this");
    if let Err(error) = setting::prepare().and_then(|()| check(options)) {
        eprintln!("guest: {error:#}");
    }
    reboot(RebootCommand::Restart)?;
    bail!("the guest does not end")
}

fn check(options: &Options) -> Result<()> {
    let wanted = |check: &&Check| options.checks.iter().any(|name| name == check.name);
    let checks: Vec<_> = CHECKS.iter().filter(wanted).collect();
    let mut families = options.families.clone();
    if families.is_empty() {
        families = untold::hooks(&untold::diagnosis()?);
    }

    // First and alone: what init starts while it is in the cgroup belongs to it.
    let untold = asked(&checks, |look| match look {
        Look::Untold(look) => Some(*look),
        _ => None,
    });
    if !untold.is_empty() {
        let seen = untold::watch();
        for (name, look) in untold {
            let answer = with(&seen, |seen| look(seen, &options.families));
            say(AUTO, name, answer);
        }
    }

    // Alone: while another tool attaches or detaches, the kernel rewrites the functions that are watched, and a
    // call may pass by.
    let calls = asked(&checks, |look| match look {
        Look::Calls(look) => Some(*look),
        _ => None,
    });
    for family in families.iter().filter(|_| !calls.is_empty()) {
        let seen = calls::watch(family);
        for (name, look) in &calls {
            say(family, name, with(&seen, look));
        }
    }
    thread::scope(|scope| {
        // Mostly they sleep.
        for (name, look) in asked(&checks, |look| match look {
            Look::Released(look) => Some(*look),
            _ => None,
        }) {
            for family in &families {
                scope.spawn(move || say(family, name, look(family)));
            }
        }
    });
    for (name, look) in asked(&checks, |look| match look {
        Look::Last(look) => Some(*look),
        _ => None,
    }) {
        say(AUTO, name, look());
    }
    Ok(())
}

/// The checks that look at one thing.
fn asked<T>(checks: &[&Check], look: impl Fn(&Look) -> Option<T>) -> Vec<(&'static str, T)> {
    let these = checks.iter();
    these
        .filter_map(|check| Some((check.name, look(&check.look)?)))
        .collect()
}

/// Asks a run, or tells why there is none.
fn with<T>(seen: &Result<T>, look: impl FnOnce(&T) -> Result<String>) -> Result<String> {
    match seen {
        Ok(seen) => look(seen),
        Err(error) => bail!("{error:#}"),
    }
}

#[expect(clippy::print_stdout, reason = "its result")]
fn say(hooks: &str, check: &str, answer: Result<String>) {
    let ok = answer.is_ok();
    let cell = Cell {
        kernel: version(),
        arch: match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        }
        .to_owned(),
        hooks: hooks.to_owned(),
        check: check.to_owned(),
        ok,
        detail: answer.unwrap_or_else(|error| format!("{error:#}")),
    };
    println!("{}", cell.json());
}

/// 6.1.192 of `#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-1 (2026-09-30)`, else the release.
fn version() -> String {
    let uname = uname();
    let long = uname.version().to_string_lossy().into_owned();
    let debian = long
        .split_once("Debian ")
        .and_then(|(_, version)| version.split(['-', ' ']).next());
    debian.map_or_else(
        || uname.release().to_string_lossy().into_owned(),
        str::to_owned,
    )
}
