//! The command line: what was typed, and which command it means.

mod check;
mod look;
mod trace;
mod value;
mod watch;

use std::{ffi::OsString, io::IsTerminal as _, process::ExitCode};

use clap::{Parser, Subcommand, error::ErrorKind};

use crate::{commands, failure::Failure, output, symbols::foreign};

pub use check::{CheckArgs, CheckFormat};
pub use look::{HeapArgs, HoldersArgs, SymbolsArgs};
pub use trace::{AnalyzeArgs, DiffArgs, WindowArgs};
pub use watch::{Allocs, AttachArgs, Creators, Holders, Hooks, SocketsArgs};

/// Says why a Go process holds the memory it holds, with evidence.
#[derive(Debug, Parser)]
#[command(
    name = "tracer",
    version,
    max_term_width = 100,
    arg_required_else_help = false
)]
struct Cli {
    /// Say more on stderr (-vv: also what the kernel side logs)
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch a running process, then report
    Attach(AttachArgs),
    /// Report from a recorded trace: anywhere, without root, target or binary
    #[command(visible_alias = "report")]
    Analyze(AnalyzeArgs),
    /// Watch a process or read a trace: a line for each finding, exit code 1 for a leak
    Check(CheckArgs),
    /// Say what changed from one trace to another: before and after a deploy
    Diff(DiffArgs),
    /// Show or save the Go heap profile of a running process, as its own pprof would
    Heap(HeapArgs),
    /// Show who keeps the objects of a running Go process alive
    Holders(HoldersArgs),
    /// Show the sockets of a running process, by who asked for them
    Sockets(SocketsArgs),
    /// Name addresses of an executable or a library, stripped or not
    Symbols(SymbolsArgs),
    /// Say what a rule looks for, what would refute it and what to do
    Explain {
        /// Name of the rule; without it all rules are listed
        rule: Option<String>,
    },
    /// Show what this kernel, these capabilities and a target allow
    Doctor {
        /// Also look at this process
        #[arg(short, long)]
        pid: Option<u32>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// Parses the command line and runs the command.
///
/// # Errors
/// Whatever ends the command; a `Failure` carries its hint and exit code.
pub fn run(args: impl Iterator<Item = OsString>) -> anyhow::Result<ExitCode> {
    let args: Vec<OsString> = args.collect();
    // Not for users, so it is in no list of commands.
    if args
        .get(1)
        .is_some_and(|command| command == foreign::COMMAND)
    {
        let symbols_only = args
            .get(2)
            .is_some_and(|flag| flag == foreign::SYMBOLS_ONLY);
        return foreign::serve(symbols_only).map(|()| ExitCode::SUCCESS);
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) if asks_for_help(error.kind()) => {
            output::print(&error.to_string())?;
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(one_line(&error).into()),
    };
    start_log(cli.verbose);
    match cli.command {
        Command::Attach(args) => commands::attach::run(&args),
        Command::Analyze(args) => commands::analyze::run(&args),
        Command::Check(args) => commands::check::run(&args),
        Command::Diff(args) => commands::diff::run(&args),
        Command::Heap(args) => commands::heap::run(&args),
        Command::Holders(args) => commands::holders::run(&args),
        Command::Sockets(args) => commands::sockets::run(&args),
        Command::Symbols(args) => commands::symbols::run(&args),
        Command::Explain { rule } => commands::explain::run(rule.as_deref()),
        Command::Doctor { pid, json } => commands::doctor::run(pid, json),
    }
}

fn asks_for_help(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
}

/// Clap's message and its tip on a line each; the usage it adds is one `--help` away.
fn one_line(error: &clap::Error) -> Failure {
    let text = error.to_string();
    // Paragraphs: the message with the values that are possible, tips, usage. An argument with
    // empty lines of its own garbles no more than its own message.
    let mut paragraphs = text.split("\n\n").map(|paragraph| {
        let lines: Vec<&str> = paragraph.lines().map(str::trim).collect();
        lines.join(" ")
    });
    let message = paragraphs.next().unwrap_or_default();
    let help = "`tracer --help` lists the commands, `tracer COMMAND --help` the flags";
    let tip = paragraphs.find_map(|paragraph| Some(paragraph.strip_prefix("tip: ")?.to_owned()));
    Failure::usage(
        message.trim_start_matches("error: "),
        tip.map_or_else(|| help.to_owned(), |tip| format!("{tip}; {help}")),
    )
}

fn start_log(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("TRACER_LOG")
        .unwrap_or_else(|_| format!("off,tracer_user={level},tracer_programs={level}").into());
    // A second start, as in tests, keeps the first log.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // Or a closed stderr would end the process.
        .log_internal_errors(false)
        .without_time()
        .with_target(false)
        .try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(args: &[&str], expected: &str) {
        let error = Cli::try_parse_from(args)
            .err()
            .map(|error| one_line(&error).error);
        assert_eq!(error.as_deref(), Some(expected));
    }

    #[test]
    fn usage_errors_take_one_line() {
        refused(
            &["tracer", "attach", "--bogus"],
            "unexpected argument '--bogus' found",
        );
        refused(
            &["tracer", "attach"],
            "the following required arguments were not provided: --pid <PID>",
        );
        refused(
            &["tracer", "attach", "--pid", "x"],
            "invalid value 'x' for '--pid <PID>': invalid digit found in string",
        );
        refused(
            &["tracer", "attach", "--pid", "1", "-d", "0"],
            "invalid value '0' for '--duration <TIME>': a recording of no length sees nothing",
        );
        refused(
            &["tracer"],
            "'tracer' requires a subcommand but one was not provided \
             [subcommands: attach, analyze, report, check, diff, heap, holders, sockets, symbols, \
             explain, doctor, help]",
        );
        refused(
            &["tracer", "attach", "--pid", "-1"],
            "invalid value '-1' for '--pid <PID>': -1 is not in 0..=4294967295",
        );
        refused(
            &["tracer", "attach", "--pid", "1", "--hooks", "magic"],
            "invalid value 'magic' for '--hooks <HOOKS>' \
             [possible values: auto, fentry, kprobe, tracepoint]",
        );
        refused(
            &["tracer", "attach", "--pid", "7\n8"],
            "invalid value '7 8' for '--pid <PID>': invalid digit found in string",
        );
    }

    #[test]
    fn a_tip_becomes_part_of_the_hint() {
        let error = Cli::try_parse_from(["tracer", "attach", "--pidd", "1"]).map(|_| ());
        let hint = error.map_err(|error| one_line(&error).hint);
        assert_eq!(
            hint.expect_err("a flag that does not exist"),
            "a similar argument exists: '--pid'; `tracer --help` lists the commands, \
             `tracer COMMAND --help` the flags",
        );
    }
}
