//! The pure engine: events in, report out. No I/O, no clock, no threads.
#![forbid(unsafe_code)]

pub mod event;
pub mod ledger;
pub mod names;
pub mod node;
pub mod process;
pub mod report;
pub mod rules;
pub mod sampling;
pub mod trace;
pub mod window;
