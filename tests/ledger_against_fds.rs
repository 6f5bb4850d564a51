//! The ledger of sockets, rebuilt from calls alone, is what the kernel lists at each check point.

use anyhow::{Result, ensure};
use tracer_tests::{churn, reuse_descriptors};

/// Steps of each thread between two check points: all calls together fit into the ring, so that
/// none is lost however late it is read.
const CALLS: usize = 500;

#[test]
fn every_socket_is_accounted_for_while_numbers_are_reused() -> Result<()> {
    ensure!(reuse_descriptors(25, CALLS)? > 10_000);
    Ok(())
}

#[test]
fn connections_come_and_go() -> Result<()> {
    let churned = churn(2_000, 5)?;
    ensure!(churned.connections >= 2_000, "{churned:?}");
    Ok(())
}
