//! The protobuf wire, as far as columns need it: varints and lists of messages.

/// Appends a varint.
pub(super) fn put_uint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Takes a varint from `position` on.
#[inline]
pub(super) fn take_uint(bytes: &[u8], position: &mut usize) -> Option<u64> {
    let first = *bytes.get(*position)?;
    *position += 1;
    if first < 0x80 {
        return Some(u64::from(first));
    }
    let mut value = u64::from(first & 0x7f);
    for shift in (7..64).step_by(7) {
        let byte = *bytes.get(*position)?;
        *position += 1;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// A signed number as an unsigned one that is small when the number is near 0.
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The number whose `zigzag` this is.
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Takes the next message of a list, that is the next field 1, from `position` on.
///
/// `None` at the end, and where the bytes are no protobuf.
pub(super) fn take_message<'a>(bytes: &'a [u8], position: &mut usize) -> Option<&'a [u8]> {
    loop {
        let (number, payload) = take_field(bytes, position)?;
        if let (1, Some(payload)) = (number, payload) {
            return Some(payload);
        }
    }
}

/// Number of fields of a message; `None` where the bytes are no protobuf.
pub(super) fn count(message: &[u8]) -> Option<usize> {
    let mut position = 0;
    let mut fields = 0;
    while position < message.len() {
        take_field(message, &mut position)?;
        fields += 1;
    }
    Some(fields)
}

/// Takes a field: its number, and its bytes when it has a length.
pub(super) fn take_field<'a>(
    bytes: &'a [u8],
    position: &mut usize,
) -> Option<(u64, Option<&'a [u8]>)> {
    let key = take_uint(bytes, position)?;
    let fixed = |position: &mut usize, len: usize| {
        let end = position.checked_add(len)?;
        let payload = bytes.get(*position..end)?;
        *position = end;
        Some(payload)
    };
    let payload = match key & 7 {
        0 => take_uint(bytes, position).map(|_| None)?,
        1 => fixed(position, 8).map(|_| None)?,
        2 => {
            let len = usize::try_from(take_uint(bytes, position)?).ok()?;
            Some(fixed(position, len)?)
        }
        5 => fixed(position, 4).map(|_| None)?,
        _ => return None,
    };
    Some((key >> 3, payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_are_read_as_written() {
        for value in [0, 1, 127, 128, 300, 1 << 35, u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            put_uint(&mut bytes, value);
            let mut position = 0;
            assert_eq!(take_uint(&bytes, &mut position), Some(value));
            assert_eq!(position, bytes.len());
        }
    }

    #[test]
    fn varints_that_are_cut_or_too_long_are_refused() {
        for bytes in [
            &[][..],
            &[0x80],
            &[0xff; 9],
            &[0xff; 10],
            &[0xff, 255, 255, 255, 255, 255, 255, 255, 255, 2],
        ] {
            assert_eq!(take_uint(bytes, &mut 0), None, "{bytes:?}");
        }
    }

    #[track_caller]
    fn check(bytes: &[u8], messages: &[&[u8]], fields: Option<usize>) {
        let mut position = 0;
        let mut found = Vec::new();
        while let Some(message) = take_message(bytes, &mut position) {
            found.push(message);
        }
        assert_eq!((found.as_slice(), count(bytes)), (messages, fields));
    }

    #[test]
    fn lists_of_messages() {
        check(b"", &[], Some(0));
        check(b"\x0a\x02ab\x0a\x00\x0a\x01c", &[b"ab", b"", b"c"], Some(3));
        // Fields of another number or type are stepped over.
        check(
            b"\x08\x96\x01\x12\x01x\x0a\x01y\x0d1234\x0912345678",
            &[b"y"],
            Some(5),
        );
        check(b"\x0a\x05ab", &[], None);
        check(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01ab", &[], None);
        check(b"\x0b", &[], None);
    }
}
