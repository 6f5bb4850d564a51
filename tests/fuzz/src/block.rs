//! Traces whose checksums are right, whatever else is wrong.

use tracer_core::trace::Encoder;

/// A trace with one block: `payload` as it is, under a frame of the given kind and coding.
///
/// The layout is that of `tracer_core::trace`, written down a second time on purpose.
#[must_use]
pub fn trace(kind: u16, coding: u16, raw_bytes: u32, payload: &[u8]) -> Vec<u8> {
    let (_, mut trace) = Encoder::new();
    let mut frame = Vec::from(*b"\xf5TB2");
    frame.extend_from_slice(&kind.to_le_bytes());
    frame.extend_from_slice(&coding.to_le_bytes());
    frame.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    frame.extend_from_slice(&raw_bytes.to_le_bytes());
    frame.extend_from_slice(&0_u64.to_le_bytes());
    frame.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    frame.extend_from_slice(&crc32fast::hash(&frame).to_le_bytes());
    trace.extend_from_slice(&frame);
    trace.extend_from_slice(payload);
    trace
}
