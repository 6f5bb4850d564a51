//! The frame around a payload: finds it, checks it, and says how to unpack it.

use super::MAX_RAW_BYTES;

/// Begins each block. 0xf5 occurs in no UTF-8 text; the last byte is the major version.
const MAGIC: [u8; 4] = *b"\xf5TB2";

/// The magic of all versions that are read.
pub(super) const MAGICS: [[u8; 4]; 2] = [*b"\xf5TB1", MAGIC];

/// Bytes of a frame.
pub(super) const FRAME_BYTES: usize = 32;

/// The payload is an `Events` message.
pub(super) const KIND_EVENTS: u16 = 1;
/// The payload is an `Index` message; the last block of a trace ended in good order.
pub(super) const KIND_INDEX: u16 = 2;

/// The payload is kept as it is.
const CODING_PLAIN: u16 = 0;
/// The payload is one zstd frame.
const CODING_ZSTD: u16 = 1;

/// A payload shrinks by this at most, so that a small file cannot mean hours of work.
///
/// Real blocks shrink by 5 to 40; one that shrinks more is kept plain.
const MAX_RATIO: usize = 256;

/// Level 1: higher ones cost more time than the disk they save.
const LEVEL: i32 = 1;

/// The fields before a payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Frame {
    pub(super) kind: u16,
    coding: u16,
    stored: u32,
    raw: u32,
    /// Number of events in the trace before this block.
    pub(super) first_event: u64,
    crc: u32,
}

impl Frame {
    /// Reads a frame from the beginning of `bytes`, if there is one within the limits.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<FRAME_BYTES>()?;
        let is_frame = MAGICS.iter().any(|magic| bytes.starts_with(magic));
        if !is_frame || crc32fast::hash(&bytes[..28]) != u32_at(bytes, 28) {
            return None;
        }
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let frame = Self {
            kind: u16_at(4),
            coding: u16_at(6),
            stored: u32_at(bytes, 8),
            raw: u32_at(bytes, 12),
            first_event: u64::from(u32_at(bytes, 16)) | u64::from(u32_at(bytes, 20)) << 32,
            crc: u32_at(bytes, 24),
        };
        let (stored, raw) = (frame.stored_bytes(), frame.raw as usize);
        let sane = stored <= raw && raw <= MAX_RAW_BYTES && raw / MAX_RATIO <= stored;
        sane.then_some(frame)
    }

    fn to_bytes(self) -> [u8; FRAME_BYTES] {
        let Self {
            kind,
            coding,
            stored,
            raw,
            first_event,
            crc,
        } = self;
        let mut bytes = [0; FRAME_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..6].copy_from_slice(&kind.to_le_bytes());
        bytes[6..8].copy_from_slice(&coding.to_le_bytes());
        bytes[8..12].copy_from_slice(&stored.to_le_bytes());
        bytes[12..16].copy_from_slice(&raw.to_le_bytes());
        bytes[16..24].copy_from_slice(&first_event.to_le_bytes());
        bytes[24..28].copy_from_slice(&crc.to_le_bytes());
        let frame_crc = crc32fast::hash(&bytes[..28]);
        bytes[28..].copy_from_slice(&frame_crc.to_le_bytes());
        bytes
    }

    /// Bytes of the payload in the file.
    pub(super) fn stored_bytes(&self) -> usize {
        self.stored as usize
    }

    /// Whether `payload` is what the writer put behind this frame.
    pub(super) fn matches(&self, payload: &[u8]) -> bool {
        payload.len() == self.stored_bytes() && crc32fast::hash(payload) == self.crc
    }
}

fn u32_at(bytes: &[u8; FRAME_BYTES], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Compresses payloads into blocks.
#[derive(Default)]
pub(super) struct Packer {
    zstd: Option<zstd::bulk::Compressor<'static>>,
}

impl Packer {
    /// Appends a block to `out`. `raw` must not exceed `MAX_RAW_BYTES`.
    pub(super) fn pack(&mut self, kind: u16, first_event: u64, raw: &[u8], out: &mut Vec<u8>) {
        let packed = self.compress(raw);
        let (coding, payload) = match &packed {
            Some(packed) => (CODING_ZSTD, packed.as_slice()),
            None => (CODING_PLAIN, raw),
        };
        let frame = Frame {
            kind,
            coding,
            stored: payload.len() as u32,
            raw: raw.len() as u32,
            first_event,
            crc: crc32fast::hash(payload),
        };
        out.extend_from_slice(&frame.to_bytes());
        out.extend_from_slice(payload);
    }

    /// `None` when compression does not pay, goes too far, or has no memory.
    fn compress(&mut self, raw: &[u8]) -> Option<Vec<u8>> {
        if self.zstd.is_none() {
            self.zstd = zstd::bulk::Compressor::new(LEVEL).ok();
        }
        let packed = self.zstd.as_mut()?.compress(raw).ok()?;
        let pays = packed.len() < raw.len() && raw.len() / MAX_RATIO <= packed.len();
        pays.then_some(packed)
    }
}

/// Unpacks payloads into a buffer that it keeps.
#[derive(Default)]
pub(super) struct Unpacker {
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    raw: Vec<u8>,
}

impl Unpacker {
    /// The payload as it was before compression; `None` when it is not what the frame says.
    pub(super) fn unpack<'a>(&'a mut self, frame: &Frame, payload: &'a [u8]) -> Option<&'a [u8]> {
        let raw_bytes = frame.raw as usize;
        match frame.coding {
            CODING_PLAIN => (payload.len() == raw_bytes).then_some(payload),
            CODING_ZSTD => {
                if self.zstd.is_none() {
                    self.zstd = zstd::bulk::Decompressor::new().ok();
                }
                self.raw.clear();
                // The decompressor fills the capacity at most.
                self.raw.reserve_exact(raw_bytes);
                let unpacked = self
                    .zstd
                    .as_mut()?
                    .decompress_to_buffer(payload, &mut self.raw);
                (unpacked.ok()? == raw_bytes).then_some(self.raw.as_slice())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn pack(raw: &[u8]) -> Vec<u8> {
        let mut block = Vec::new();
        Packer::default().pack(KIND_EVENTS, 7, raw, &mut block);
        block
    }

    #[track_caller]
    fn check(raw: &[u8], coding: u16) {
        let block = pack(raw);
        let (frame, payload) = block.split_at(FRAME_BYTES);
        let frame = Frame::parse(frame).unwrap();
        assert_eq!(
            (frame.kind, frame.coding, frame.first_event),
            (KIND_EVENTS, coding, 7)
        );
        assert!(frame.matches(payload));
        assert_eq!(Unpacker::default().unpack(&frame, payload), Some(raw));
    }

    #[test]
    fn payloads_are_compressed_where_it_pays() {
        check(b"", CODING_PLAIN);
        check(b"short", CODING_PLAIN);
        check(&b"0123456789".repeat(9), CODING_ZSTD);
        // Shrinks more than any reader has to believe.
        check(&vec![0; 1 << 20], CODING_PLAIN);
    }

    #[test]
    fn every_bit_of_a_block_is_covered() {
        let block = pack(&b"0123456789".repeat(9));
        for bit in 0..block.len() * 8 {
            let mut flipped = block.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let whole = Frame::parse(&flipped).is_some_and(|f| f.matches(&flipped[FRAME_BYTES..]));
            assert!(!whole, "bit {bit}");
        }
    }

    /// What happens to `payload` in a frame that lies, with good checksums.
    #[track_caller]
    fn check_lie(lie: impl FnOnce(&mut Frame), payload: &[u8], expected: Option<&[u8]>) {
        let crc = crc32fast::hash(payload);
        let stored = payload.len() as u32;
        let (kind, coding) = (KIND_EVENTS, CODING_ZSTD);
        let mut frame = Frame {
            kind,
            coding,
            stored,
            raw: 0,
            first_event: 0,
            crc,
        };
        lie(&mut frame);
        let unpacked = Frame::parse(&frame.to_bytes()).and_then(|frame| {
            Unpacker::default()
                .unpack(&frame, payload)
                .map(<[u8]>::to_vec)
        });
        assert_eq!(unpacked.as_deref(), expected);
    }

    #[test]
    fn bombs_do_not_go_off() {
        let zeros = [0; 4000];
        let packed = zstd::bulk::compress(&zeros, 19).unwrap();
        check_lie(|frame| frame.raw = 4000, &packed, Some(&zeros));
        check_lie(|frame| frame.raw = 3999, &packed, None);
        check_lie(|frame| frame.raw = 4001, &packed, None);
        check_lie(|frame| frame.raw = 1 << 20, &packed, None);
        check_lie(
            |frame| frame.raw = MAX_RAW_BYTES as u32 + 1,
            &vec![1; MAX_RAW_BYTES / 256 + 1],
            None,
        );
        check_lie(|frame| frame.raw = u32::MAX, &packed, None);
        check_lie(|frame| (frame.coding, frame.raw) = (9, 4000), &packed, None);
    }
}
