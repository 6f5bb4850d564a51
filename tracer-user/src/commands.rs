//! One module a command.

pub mod analyze;
pub mod attach;
pub mod doctor;
pub mod explain;
