//! The Linux side of `tracer`: attach, sample, symbolize, record and print.
//!
//! ```text
//! kernel/ (eBPF, rings) ─┐
//! proc/   (samplers)     ├─▶ source/ ─▶ tracer-core ─▶ output/
//! symbols/ (go/, blazesym)┘
//! ```

pub mod doctor;
pub mod failure;
pub mod go;
pub mod kernel;
pub mod proc;
pub mod symbols;
