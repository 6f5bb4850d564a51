//! Project commands: `cargo xtask setup | demo | test | vm | fuzz | bench | endure | verdicts`.
//!
//! ```text
//! demo, test, vm, fuzz, bench ──▶ setup ──▶ step::run(&[Step { present, install }, …])
//!                         └────▶ command::shown: cargo, tracer     └──▶ command::logged: apt-get, go, …
//! ```

mod bench;
mod command;
mod demo;
mod endure;
mod fuzz;
mod setup;
mod step;
mod test;
mod verdicts;
mod vm;

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
    /// Attach to a real Go service with one of the project's diseases, and report; needs root
    Demo(demo::Options),
    /// Check format and lints, build, and run all tests
    Test(test::Options),
    /// Check the tool on other kernels, in QEMU
    Vm(vm::Options),
    /// What init of such a machine does
    #[command(hide = true)]
    Guest(vm::guest::Options),
    /// Fuzz the parsers
    Fuzz(fuzz::Options),
    /// Measure, next to other tools
    Bench(bench::Options),
    /// Attach, detach and stop the tool under load, thousands of times; needs root
    Endure(endure::Options),
    /// Watch all sick and healthy programs of the tests, and print how each is judged; needs root
    Verdicts(verdicts::Options),
}

#[expect(clippy::print_stderr, reason = "the one place that reports a failure")]
fn main() -> ExitCode {
    let done = match Xtask::parse() {
        Xtask::Setup => setup::run(),
        Xtask::Demo(options) => demo::run(&options),
        Xtask::Test(options) => test::run(&options),
        Xtask::Vm(options) => vm::run(&options),
        Xtask::Guest(options) => vm::guest::run(&options),
        Xtask::Fuzz(options) => fuzz::run(&options),
        Xtask::Bench(options) => bench::run(&options),
        Xtask::Endure(options) => endure::run(&options),
        Xtask::Verdicts(options) => verdicts::run(&options),
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
