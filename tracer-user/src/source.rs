//! Where events come from: a live process, or a trace file.

pub mod file;
mod go_reader;
pub(crate) mod holders;
mod inspect;
pub mod live;
pub mod naming;
pub mod sink;
pub mod stop;

pub(crate) use inspect::{facts, load_bias};
