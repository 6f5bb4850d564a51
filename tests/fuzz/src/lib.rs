//! What targets need to get past checksums and headers, to the parsers behind them.

pub mod ask;
pub mod block;
pub mod elf;
pub mod mini;
pub mod patch;
