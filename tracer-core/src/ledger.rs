//! What is known about one process, subject by subject. A ledger only adds up; rules judge.

pub mod calls;
pub mod descriptors;
pub mod faults;
mod intervals;
pub mod loss;
pub mod memory;
pub mod symbols;
pub mod tally;
pub mod trend;
pub mod vma;
