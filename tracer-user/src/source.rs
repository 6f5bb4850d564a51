//! Where events come from: a live process, or a trace file.

pub mod file;
mod inspect;
pub mod live;
pub mod sink;
pub mod stop;
