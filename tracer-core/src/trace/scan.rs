//! Finds all whole blocks, whatever lies between them.

use super::frame::{FRAME_BYTES, Frame, MAGICS};
use super::window::{Source, Window};

/// Walks over bytes from block to block, in time linear in their number.
pub(super) struct Scanner<S> {
    window: Window<S>,
    position: u64,
    /// Bytes that may still be summed in vain. Frames that lie about their payload may overlap,
    /// so looking behind each of them could take quadratic time; past this, they are believed.
    vain: u64,
    /// Between blocks, in a stretch already counted as damaged.
    astray: bool,
    pub(super) damaged_blocks: u64,
    pub(super) skipped_bytes: u64,
}

/// A block with good checksums.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    pub(super) offset: u64,
    pub(super) frame: Frame,
    pub(super) payload: &'a [u8],
    /// Nothing stands behind it.
    pub(super) is_last: bool,
}

/// How far one look for a frame goes.
const STRETCH: usize = 64 << 10;

impl<S: Source> Scanner<S> {
    /// Starts at `position`; `astray` when no block is to be expected there.
    pub(super) fn new(window: Window<S>, position: u64, astray: bool) -> Self {
        let vain = window.len().saturating_mul(2);
        Self {
            window,
            position,
            vain,
            astray,
            damaged_blocks: 0,
            skipped_bytes: 0,
        }
    }

    /// The next whole block.
    pub(super) fn next_block(&mut self) -> Option<Block<'_>> {
        let (offset, frame) = self.find_block()?;
        let end = offset + (FRAME_BYTES + frame.stored_bytes()) as u64;
        let is_last = end >= self.window.len();
        // It was read just now, to check it.
        let block = self.window.get(offset, FRAME_BYTES + frame.stored_bytes());
        Some(Block {
            offset,
            frame,
            payload: &block[FRAME_BYTES..],
            is_last,
        })
    }

    /// Goes behind the next whole block; returns where it begins.
    fn find_block(&mut self) -> Option<(u64, Frame)> {
        loop {
            let rest = self.window.get(self.position, FRAME_BYTES);
            if rest.is_empty() {
                return None;
            }
            let Some(frame) = Frame::parse(rest) else {
                self.damaged_blocks += u64::from(!self.astray);
                let stretch = self.window.get(self.position, STRETCH);
                let next = 1 + find(&stretch[1..]);
                self.skip(next);
                continue;
            };
            let end = FRAME_BYTES + frame.stored_bytes();
            let block = self.window.get(self.position, end);
            let payload = block.get(FRAME_BYTES..end);
            if payload.is_some_and(|payload| frame.matches(payload)) {
                let offset = self.position;
                self.position += end as u64;
                self.astray = false;
                return Some((offset, frame));
            }
            let summed = payload.map_or(0, <[u8]>::len) as u64;
            self.damaged_blocks += 1;
            if let Some(vain) = self.vain.checked_sub(summed) {
                self.vain = vain;
                // The payload may be cut short, with whole blocks behind the cut.
                self.skip(FRAME_BYTES);
            } else {
                self.skip(end);
            }
        }
    }

    fn skip(&mut self, bytes: usize) {
        let left = self.window.len().saturating_sub(self.position);
        let bytes = (bytes as u64).min(left);
        self.position += bytes;
        self.skipped_bytes += bytes;
        self.astray = true;
    }
}

/// Whether a frame begins in `bytes`.
pub(super) fn is_near(bytes: &[u8]) -> bool {
    let mut at = find(bytes);
    while at < bytes.len() {
        if Frame::parse(&bytes[at..]).is_some() {
            return true;
        }
        at += 1 + find(&bytes[at + 1..]);
    }
    false
}

/// Offset of the first block magic, or of what may be its beginning at the end.
fn find(bytes: &[u8]) -> usize {
    let mut at = 0;
    let [[first, ..], ..] = MAGICS;
    while let Some(next) = bytes[at..].iter().position(|byte| *byte == first) {
        at += next;
        let head = &bytes[at..bytes.len().min(at + MAGICS[0].len())];
        if MAGICS.iter().any(|magic| magic.starts_with(head)) {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::frame::{KIND_EVENTS, Packer};

    /// Blocks whose payloads say their number.
    fn block(number: u8) -> Vec<u8> {
        let mut out = Vec::new();
        Packer::default().pack(KIND_EVENTS, u64::from(number), &[number; 9], &mut out);
        out
    }

    #[track_caller]
    fn check(bytes: &[u8], blocks: &[u8], damaged: u64, skipped: u64) {
        let mut scanner = Scanner::new(Window::new(bytes), 0, false);
        let mut found = Vec::new();
        while let Some(block) = scanner.next_block() {
            found.push(block.payload[0]);
        }
        let seen = (
            found.as_slice(),
            scanner.damaged_blocks,
            scanner.skipped_bytes,
        );
        assert_eq!(seen, (blocks, damaged, skipped));
    }

    #[test]
    fn whole_blocks_are_found_between_damage() {
        let [a, b, c] = [block(1), block(2), block(3)];
        check(b"", &[], 0, 0);
        check(&[&a[..], &b, &c].concat(), &[1, 2, 3], 0, 0);
        check(&[&a[..], &b[..40], &c].concat(), &[1, 3], 1, 40);
        check(&[&a[..], &b[1..], &c].concat(), &[1, 3], 1, 40);
        check(&[&a[..], &b[..20], &c[..20], &a].concat(), &[1, 1], 1, 40);
        check(&[&a[..], &b[..33], &c[..33], &a].concat(), &[1, 1], 2, 66);
        check(
            &[&a[..], &b"\xf5TB1\xf5\xf5TB"[..], &c].concat(),
            &[1, 3],
            1,
            8,
        );
        check(&[&a[..], &a[..3]].concat(), &[1], 1, 3);
    }

    #[test]
    fn frames_without_their_payloads_do_not_take_quadratic_time() {
        // Each claims the mebibyte behind it: a quarter of a terabyte to sum, when believed.
        let mut big = Vec::new();
        let noise: Vec<u8> = (0_u32..1 << 18)
            .flat_map(|i| crc32fast::hash(&i.to_le_bytes()).to_le_bytes())
            .collect();
        Packer::default().pack(KIND_EVENTS, 0, &noise, &mut big);
        let hostile = big[..FRAME_BYTES].repeat(1 << 18);
        let mut scanner = Scanner::new(Window::new(&hostile[..]), 0, false);
        assert!(scanner.next_block().is_none());
        assert_eq!(scanner.skipped_bytes, hostile.len() as u64);
    }
}
