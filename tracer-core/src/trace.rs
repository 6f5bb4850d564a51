//! The trace file: all events of a recording, in order, in blocks that stand alone.
//!
//! ```text
//! file    = header block*        append-only, valid after every block
//! header  = magic[8] major:u16 minor:u16 length:u16 0:u16 writer[length] crc:u32
//! block   = frame payload
//! frame   = magic[4] kind:u16 coding:u16 stored:u32 raw:u32 first_event:u64 crc:u32 frame_crc:u32
//! payload = a message of tracer.proto, `raw` bytes long, kept in `stored` bytes
//! ```
//!
//! Integers are little endian, checksums are CRC-32 (IEEE). `crc` covers the payload as it is
//! stored, `frame_crc` the 28 bytes before it, the header's `crc` all before it. A frame with a
//! good checksum is found again after any damage, so each block that is whole is read.
//!
//! What changes what:
//! - a new kind of block, event, or field: `minor`; older readers skip it and say how many;
//! - a new meaning of an old field, or a new frame: `major`, and with it the last byte of the
//!   block magic; older readers refuse the file by name. The header itself never changes.

mod allocation;
mod block;
mod call;
mod column;
mod creation;
mod damage;
mod dictionary;
mod encoder;
mod fault;
mod fields;
mod frame;
mod header;
#[cfg(test)]
mod hostile;
mod index;
mod kind;
#[cfg(test)]
mod packed;
mod reader;
mod record;
mod scan;
#[cfg(test)]
mod schema;
mod window;
mod wire;

pub use damage::Damage;
pub use encoder::Encoder;
pub use header::{OpenError, Version};
pub use index::{Index, IndexEntry};
pub use reader::Reader;
pub use window::Source;

/// Largest payload before compression, in bytes.
///
/// An event must fit: a million descriptors do, and so do the mappings of a process at four
/// times the kernel's default limit.
pub const MAX_RAW_BYTES: usize = 16 << 20;

/// Most elements in one event's lists, so that small bytes cannot become large memory.
pub const MAX_ELEMENTS: usize = 1 << 20;
