//! From addresses of a process, or of a file, to functions, files and lines.
//!
//! ```text
//! process ─▶ Code ─▶ Module, a file held open ┐
//! file ────────────▶ Module ──────────────────┴▶ Names ─┬▶ Tables: what Go's linker wrote (crate::go)
//!                                                       └▶ foreign: C and others, in a helper process
//! ```
//!
//! Files are opened when a process is attached to: it may exit, and its files may go, at any
//! moment after that. They are read when the first address in them is asked for.

mod code;
mod damage;
mod debug_file;
mod engine;
mod executable;
mod file;
pub mod foreign;
mod limit;
mod listing;
mod module;
mod names;
mod root;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod sample;
mod skeleton;
mod tables;
mod worker;

use tracer_core::event::Symbol;

pub use code::Change;
pub use engine::{Answer, Symbolizer};
pub use executable::{Executable, read_executable};
pub use listing::{Error as ListingError, Listing};
pub use worker::Worker;

/// Where `tracer` itself is, for the helper process.
pub const OWN_PROGRAM: &str = "/proc/self/exe";

/// An address to name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Query {
    /// Where a thread stood, or where a call returns to.
    pub address: u64,
    /// It is a return address: the call before it is named.
    pub is_return: bool,
}

impl Query {
    /// A return address may lie behind the function it returns to.
    fn lookup_address(&self) -> u64 {
        self.address.saturating_sub(u64::from(self.is_return))
    }

    /// The answer of one who knows nothing.
    fn unnamed(&self) -> Symbol {
        Symbol {
            address: self.address,
            is_return: self.is_return,
            ..Symbol::default()
        }
    }
}
