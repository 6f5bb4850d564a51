//! Checked little-endian reads: past the end is `None`, never a panic.

use std::ffi::CStr;

/// The `N` bytes at `offset`.
fn array<const N: usize>(data: &[u8], offset: usize) -> Option<[u8; N]> {
    data.get(offset..)?.first_chunk().copied()
}

pub(super) fn u8_at(data: &[u8], offset: usize) -> Option<u8> {
    data.get(offset).copied()
}

pub(super) fn u16_at(data: &[u8], offset: usize) -> Option<u16> {
    array(data, offset).map(u16::from_le_bytes)
}

pub(super) fn u32_at(data: &[u8], offset: usize) -> Option<u32> {
    array(data, offset).map(u32::from_le_bytes)
}

pub(super) fn i32_at(data: &[u8], offset: usize) -> Option<i32> {
    array(data, offset).map(i32::from_le_bytes)
}

pub(super) fn u64_at(data: &[u8], offset: usize) -> Option<u64> {
    array(data, offset).map(u64::from_le_bytes)
}

/// The bytes at `offset` up to the zero byte, the end of `data`, or `limit` bytes.
pub(super) fn string_at(data: &[u8], offset: usize, limit: usize) -> Option<&[u8]> {
    let rest = data.get(offset..)?;
    let rest = &rest[..rest.len().min(limit)];
    // This search takes a word at a time.
    Some(CStr::from_bytes_until_nul(rest).map_or(rest, CStr::to_bytes))
}

/// Takes an unsigned LEB128 number of at most 32 bits off the front of `data`.
pub(super) fn take_varint(data: &mut &[u8]) -> Option<u32> {
    // Nearly all numbers of pc tables are small.
    if let [byte @ 0..0x80, rest @ ..] = *data {
        *data = rest;
        return Some(u32::from(*byte));
    }
    let mut value = 0_u64;
    for shift in (0..35).step_by(7) {
        let (byte, rest) = data.split_first()?;
        *data = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value as u32);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{string_at, take_varint, u64_at};

    #[track_caller]
    fn check(mut data: &[u8], expected: Option<u32>, rest: usize) {
        assert_eq!(take_varint(&mut data), expected);
        assert_eq!(data.len(), rest);
    }

    #[test]
    fn varints() {
        check(&[], None, 0);
        check(&[0], Some(0), 0);
        check(&[0x7f, 9], Some(127), 1);
        check(&[0x80, 0x01], Some(128), 0);
        check(&[0xff, 0xff, 0xff, 0xff, 0x0f], Some(u32::MAX), 0);
        check(&[0xff, 0xff, 0xff, 0xff, 0xff, 0x01], None, 1);
        check(&[0x80], None, 0);
    }

    #[test]
    fn reads_stop_at_the_end() {
        assert_eq!(u64_at(&[1, 0, 0, 0, 0, 0, 0, 0], 0), Some(1));
        assert_eq!(u64_at(&[0; 8], 1), None);
        assert_eq!(u64_at(&[0; 8], usize::MAX), None);
        assert_eq!(string_at(b"ab\0cd", 0, 10), Some(&b"ab"[..]));
        assert_eq!(string_at(b"ab\0cd", 3, 10), Some(&b"cd"[..]));
        assert_eq!(string_at(b"abcd", 0, 3), Some(&b"abc"[..]));
        assert_eq!(string_at(b"abcd", 5, 3), None);
    }
}
