//! The Linux side of `tracer`: attach, sample, symbolize, record and print.
//!
//! ```text
//! kernel/ (eBPF, rings) ─┐
//! proc/   (samplers)     ├─▶ source/ ─▶ tracer-core ─▶ output/
//! symbols/ (go/, blazesym)┘
//! ```

pub mod cli;
pub mod commands;
pub mod doctor;
pub mod failure;
pub mod go;
pub mod kernel;
pub mod output;
pub mod proc;
pub mod source;
pub mod symbols;
