//! The command line: what was typed, and which command it means.

use std::{ffi::OsString, io::IsTerminal as _, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, error::ErrorKind};

use crate::{commands, failure::Failure, kernel::Family, output};

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
    Analyze(AnalyzeArgs),
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

/// What `attach` was asked.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct AttachArgs {
    /// Process to watch
    #[arg(short, long, value_name = "PID", allow_negative_numbers = true)]
    pub pid: u32,
    /// Stop after this time, such as 30s or 5m; without it at ^C or when the process exits
    #[arg(short, long, value_name = "TIME", value_parser = parse_duration, allow_negative_numbers = true)]
    pub duration: Option<Duration>,
    /// Also record everything into this new file, for `tracer analyze`
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the output file if it exists
    #[arg(short, long)]
    pub force: bool,
    /// Print the report as one JSON object
    #[arg(long)]
    pub json: bool,
    /// How to hook system calls
    #[arg(long, value_enum, default_value_t = Hooks::Auto)]
    pub hooks: Hooks,
    /// Watch a program that is not written in Go too, without Go knowledge
    #[arg(long)]
    pub any: bool,
    /// Percentage of lost events above which the exit code is 4
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0, value_parser = parse_percent, allow_negative_numbers = true)]
    pub max_loss: f64,
    /// Nothing but the report: no live view, no notices
    #[arg(short, long)]
    pub quiet: bool,
}

/// What `analyze` was asked.
#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    /// Trace file
    pub file: PathBuf,
    /// Print the report as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The choice of a hook family.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Hooks {
    /// The best that this kernel allows
    Auto,
    /// fentry and fexit
    Fentry,
    /// kprobe and kretprobe
    Kprobe,
    /// Syscall tracepoints
    Tracepoint,
}

impl Hooks {
    /// The family asked for, if one was.
    #[must_use]
    pub const fn family(self) -> Option<Family> {
        match self {
            Self::Auto => None,
            Self::Fentry => Some(Family::Fentry),
            Self::Kprobe => Some(Family::Kprobe),
            Self::Tracepoint => Some(Family::Tracepoint),
        }
    }
}

/// Parses the command line and runs the command.
///
/// # Errors
/// Whatever ends the command; a `Failure` carries its hint and exit code.
pub fn run(args: impl Iterator<Item = OsString>) -> anyhow::Result<ExitCode> {
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

/// The longest recording, a hundred years: its end must be a time that the clock can show.
const LONGEST: Duration = Duration::from_hours(100 * 8766);

/// Seconds without a unit, or a time like `1m30s`. Zero is refused: it would see nothing.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => humantime::parse_duration(text).map_err(|error| error.to_string())?,
    };
    if duration.is_zero() {
        return Err("a recording of no length sees nothing".to_owned());
    }
    if duration > LONGEST {
        return Err(
            "no recording takes over 100 years; without a time it goes on until ^C".to_owned(),
        );
    }
    Ok(duration)
}

fn parse_percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("a percentage lies between 0 and 100".to_owned()),
    }
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

    #[test]
    fn durations() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(
                parse_duration(text).ok().map(|d| d.as_millis() as u64),
                expected,
                "{text}"
            );
        };
        check("20", Some(20_000));
        check("20s", Some(20_000));
        check("1m30s", Some(90_000));
        check("250ms", Some(250));
        check("100years", Some(3_155_760_000_000));
        check("0", None);
        check("0s", None);
        check("101years", None);
        check("18446744073709551615", None);
        check("18446744073709551616", None);
        check("584000000000years", None);
        check("-5", None);
        check("soon", None);
        check("", None);
    }

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
             [subcommands: attach, analyze, explain, doctor, help]",
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
