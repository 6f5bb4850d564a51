//! The kernel side from user space: load the programs, hook them in, read what they say.
//!
//! ```text
//! Programs::load ─▶ hook (family) ─▶ arm(pid) ─▶ drain, faults, loss ─▶ disarm
//! ```

mod btf;
mod counters;
mod creators;
pub mod decode;
mod faults;
mod hooks;
mod object;
mod programs;
mod stacks;

pub use btf::KernelTypes;
pub use creators::CreatorProbes;
pub use hooks::{Family, Hooked};
pub use programs::{Programs, settle};
pub use stacks::Stacks;
