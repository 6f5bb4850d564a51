//! One module a command.

pub mod analyze;
pub mod attach;
pub mod check;
pub mod diff;
pub mod doctor;
pub mod explain;
mod go_program;
pub mod heap;
pub mod holders;
pub mod sockets;
pub mod symbols;
