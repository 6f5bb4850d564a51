//! What is known about one process, subject by subject. A ledger only adds up; rules judge.

pub mod allocations;
pub mod calls;
pub mod creators;
pub mod descriptors;
pub mod faults;
pub mod go;
mod intervals;
pub mod loss;
pub mod memory;
pub mod modules;
pub mod per_socket;
pub mod series;
pub mod standstill;
pub mod symbols;
pub mod tally;
pub mod trend;
pub mod vma;
