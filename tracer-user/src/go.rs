//! What a Go executable says about itself, read from the bytes of its file.
//!
//! ```text
//! &[u8] ──▶ Image ──▶ build information, notes ──▶ Binary
//!                └──▶ pclntab, moduledata ───────▶ Table ──▶ function, file, line, inlined calls
//! ```
//!
//! Nothing here opens a file or trusts one: offsets are checked, copies are capped by the size of
//! the file, loops by a budget. Only ELF for amd64 and arm64. Go 1.10 to 1.27.

mod binary;
mod build_info;
mod bytes;
pub mod holders;
mod image;
mod notes;
mod parts;
#[cfg(test)]
mod properties;
pub mod runtime;
mod table;

pub use binary::Binary;
pub use parts::parts;
pub use table::{Frame, Frames, Lookups, Table};

/// Why a file could not be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// It does not begin like an ELF file.
    #[error("not an ELF file")]
    NotElf,
    /// An ELF file for another processor, which is named.
    #[error("code for {0}; only amd64 and arm64 are read")]
    Unsupported(&'static str),
    /// Its headers or tables contradict themselves.
    #[error("damaged file: {0}")]
    Damaged(&'static str),
}
