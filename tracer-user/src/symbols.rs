//! From addresses of a process to functions, files and lines.
//!
//! ```text
//! mappings ─▶ files, opened through /proc/PID ─▶ Module ┬ Go tables (crate::go)
//!                                                       └ ELF and DWARF (blazesym)
//! addresses ─▶ Symbolizer ─▶ blazesym ─▶ Module, vDSO, kernel ─▶ Symbol
//! ```
//!
//! Everything is read when a process is attached to: it may exit, and its files may go, at any
//! moment after that.

mod code;
mod engine;
mod file;
mod module;
mod snapshot;
mod worker;

pub use code::Change;
pub use engine::Symbolizer;
pub use file::read_executable;
pub use worker::Worker;

/// An address to name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Query {
    /// Where a thread stood, or where a call returns to.
    pub address: u64,
    /// It is a return address: the call before it is named.
    pub is_return: bool,
}
