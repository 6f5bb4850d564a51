//! Project commands: `cargo xtask setup | demo | test | fuzz`.
//!
//! ```text
//! demo, test, fuzz ──▶ setup ──▶ step::run(&[Step { present, install }, …])
//!        └──────────▶ command::shown: cargo, tracer     └──▶ command::logged: apt-get, go, …
//! ```

mod command;
mod demo;
mod fuzz;
mod setup;
mod step;
mod test;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(
    bin_name = "cargo xtask",
    about = "Project commands",
    max_term_width = 100
)]
enum Xtask {
    /// Install what the build and the tests need and is missing; needs root on Debian 12 or newer
    Setup,
    /// Attach to a real Go service whose memory grows, and print the report; needs root
    Demo,
    /// Check format and lints, build, and run all tests
    Test(test::Options),
    /// Fuzz the parsers
    Fuzz(fuzz::Options),
}

#[expect(clippy::print_stderr, reason = "the one place that reports a failure")]
fn main() -> ExitCode {
    let done = match Xtask::parse() {
        Xtask::Setup => setup::run(),
        Xtask::Demo => demo::run(),
        Xtask::Test(options) => test::run(&options),
        Xtask::Fuzz(options) => fuzz::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let hint = error
                .downcast_ref::<step::Failure>()
                .map_or("the output above says more", |failure| {
                    failure.hint.as_str()
                });
            eprintln!("error: {error:#}\nhint: {hint}");
            ExitCode::FAILURE
        }
    }
}
