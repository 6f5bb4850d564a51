//! `tracer sockets`: the sockets of a running process, by who asked for them.

use std::process::ExitCode;

use tracer_core::report;

use super::attach;
use crate::cli::{Allocs, AttachArgs, Holders, SocketsArgs};
use crate::output;

/// Watches the process for a while and prints its sockets.
///
/// # Errors
/// As `attach`.
pub fn run(args: &SocketsArgs) -> anyhow::Result<ExitCode> {
    let attach_args = AttachArgs {
        json: args.json,
        hooks: args.hooks,
        creators: args.creators,
        allocs: Allocs::Off,
        holders: Holders::Never,
        any: args.any,
        ..AttachArgs::silent(args.pid, args.duration)
    };
    let (watched, programs) = attach::watch(&attach_args)?;
    output::print(&if args.json {
        report::sockets_json(&watched)
    } else {
        report::sockets_text(&watched)
    })?;
    drop(programs);
    Ok(attach::exit_code(&watched, attach_args.max_loss))
}
