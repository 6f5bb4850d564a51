//! placeholder
use std::path::Path;
use crate::failure::Failure;
/// x
pub struct TraceFile;
/// x
pub struct Written { /// x
pub error: Option<std::io::Error>, /// x
pub bytes: u64, /// x
pub events: u64 }
impl TraceFile {
/// x
pub fn create(_: &Path, _: bool) -> Result<Self, Failure> { Ok(Self) }
/// x
pub fn record(&mut self, _: &tracer_core::event::Event) {}
/// x
pub fn tick(&mut self) {}
/// x
pub fn finish(self) -> Written { Written { error: None, bytes: 0, events: 0 } }
}
