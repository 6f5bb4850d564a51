//! `tracer`: why does this Go process hold the memory it holds?

use std::process::ExitCode;

use tracer_user::{cli, failure};

fn main() -> ExitCode {
    match failure::guard(|| cli::run(std::env::args_os())) {
        Ok(code) => code,
        Err(error) => failure::print(&error),
    }
}
