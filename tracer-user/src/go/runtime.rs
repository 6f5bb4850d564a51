//! The Go runtime of a running process, read from outside: nothing is stopped, nothing written.
//!
//! ```text
//! file ──▶ Program (layout, clues) ─┐
//! Memory ───────────────────────────┴▶ Globals ──▶ counters, spans, heap profile, goroutines
//! ```
//!
//! All of it is pure over [`Memory`]: a process, or an image that a test or a fuzzer made up. Only
//! [`Process`] does I/O.

mod ancestry;
mod blocks;
mod code;
mod counters;
mod doubt;
#[cfg(test)]
pub(in crate::go) mod forged;
mod globals;
mod goroutines;
pub mod heap_profile;
#[cfg(test)]
mod hostile;
mod layout;
mod memory;
mod parked;
mod process;
mod program;
mod reading;
mod record;
pub mod residency;
mod spans;
mod unwind;
mod waits;

pub use ancestry::{Birth, read_births};
pub(in crate::go) use blocks::Blocks;
pub(in crate::go) use code::each_reference;
pub use counters::{Counters, read_counters};
pub use doubt::Doubt;
pub use globals::{Globals, NotFound, Profile};
pub use goroutines::{Goroutines, Group, Kind, is_runtime_function, read_goroutines};
pub use layout::{Arch, Layout, of_span_class};
pub(in crate::go) use layout::{Objects as ObjectLayout, PAGE};
pub use memory::{Memory, Part, Slice, Unreadable};
pub(in crate::go) use parked::{Parked, SAVED_CONTEXT, described, status};
pub use process::{Budget, Process, Stop};
pub use program::{Program, Unsupported};
pub use reading::{Heap, read_heap};
pub(in crate::go) use record::{Record, each};
pub use spans::{ARENA, Census, Class, Place, Use, read_spans};
pub use unwind::Unwinder;
pub(in crate::go) use unwind::{Frame, Stack};
pub use waits::{Wait, read_waits};
