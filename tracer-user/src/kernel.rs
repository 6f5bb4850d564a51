//! The kernel side from user space: load the programs, hook them in, read what they say.
//!
//! ```text
//! Programs::load ─▶ hook (family) ─▶ arm(pid) ─▶ drain, counted, loss ─▶ disarm
//! ```

mod batch;
mod btf;
mod counters;
pub mod decode;
mod hooks;
mod links;
mod object;
mod probes;
mod programs;
mod ring;
mod stacks;
mod totals;

pub use btf::KernelTypes;
pub use hooks::{Family, Hooked};
pub use probes::{Probe, Probes, Refusal};
pub use programs::{Drained, Programs, settle};
pub use stacks::Stacks;
pub use totals::{Counted, Spans};
