//! Nothing of the tool stays in the kernel, however it ends.

use anyhow::{Result, ensure};
use rustix::process::Signal;
use tracer_tests::{KernelObjects, Tool};

use super::ask::{DONE, native, steady};

#[test]
fn programs_maps_and_links_go_with_the_tool() -> Result<()> {
    let steady = steady()?;
    for signal in [Signal::INT, Signal::KILL] {
        let tool = Tool::attached(steady.pid(), &[])?;
        let held = KernelObjects::held_by(tool.pid())?;
        ensure!(held.are_there(), "{held:?}");
        tool.signal(signal)?;
        tool.finish()?;
        held.are_gone()?;
    }
    Ok(())
}

#[test]
fn they_go_when_the_target_ends() -> Result<()> {
    let mut native = native()?;
    let tool = Tool::attached(native.pid(), &["--any"])?;
    let held = KernelObjects::held_by(tool.pid())?;
    native.send("exit")?;
    ensure!(tool.finish()?.code == Some(DONE));
    held.are_gone()
}
