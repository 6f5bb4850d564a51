//! Clients and servers of real libraries: each socket has the service's own line, with every release
//! that moved what the origin rests on, with and without symbols.
//!
//! The libraries are those of 2020 where the release does not know newer ones.

use anyhow::Result;
use tracer_tests::{Flag, GoVersion, check_sockets};

#[track_caller]
fn check(program: &str, go: GoVersion) -> Result<()> {
    for flags in [&[][..], &[Flag::Stripped]] {
        check_sockets(program, go, flags, "on")?;
    }
    Ok(())
}

#[test]
fn go_1_13() -> Result<()> {
    check("clients_2020", GoVersion::GO_1_13)
}

#[test]
fn go_1_16() -> Result<()> {
    check("clients_2020", GoVersion::GO_1_16)
}

#[test]
fn go_1_18() -> Result<()> {
    check("clients_2020", GoVersion::GO_1_18)
}

#[test]
fn go_1_22() -> Result<()> {
    check("clients_2020", GoVersion::GO_1_22)
}

#[test]
fn go_1_26() -> Result<()> {
    check("clients", GoVersion::GO_1_26)
}

#[test]
fn go_1_27() -> Result<()> {
    check("clients", GoVersion::GO_1_27)
}
