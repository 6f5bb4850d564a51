//! The shapes most files of `/proc` share: lines, `Name: value`, numbers, sizes in kB.

/// The lines of a text, without their line ends.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

/// Name and trimmed value of a line `Name:   value`.
pub(crate) fn named(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at(colon);
    Some((name, value.get(1..)?.trim_ascii()))
}

/// Value of the line `name value` in a text of such lines.
pub(crate) fn value_of(text: &[u8], name: &str) -> Option<u64> {
    lines(text).find_map(|line| {
        let value = line.strip_prefix(name.as_bytes())?.strip_prefix(b" ")?;
        number(value)
    })
}

/// A decimal number, spaces around it allowed.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

/// A hexadecimal number without prefix.
pub(crate) fn hexadecimal(text: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(text.trim_ascii()).ok()?, 16).ok()
}

/// Bytes of a size `123 kB`.
pub(crate) fn kilobytes(text: &[u8]) -> Option<u64> {
    number(text.strip_suffix(b"kB")?)?.checked_mul(1024)
}

/// The space-separated words of a line.
pub(crate) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values() {
        assert_eq!(named(b"Rss:    8 kB"), Some((&b"Rss"[..], &b"8 kB"[..])));
        assert_eq!(
            named(b"VmFlags: rd mr "),
            Some((&b"VmFlags"[..], &b"rd mr"[..]))
        );
        assert_eq!(named(b"no colon"), None);
        assert_eq!(value_of(b"total_rss 7\nrss 5\n", "rss"), Some(5));
        assert_eq!(value_of(b"total_rss 7\n", "rss"), None);
    }

    #[test]
    fn sizes() {
        assert_eq!(kilobytes(b"8 kB"), Some(8192));
        assert_eq!(kilobytes(b"8"), None);
        assert_eq!(kilobytes(b"-8 kB"), None);
        assert_eq!(kilobytes(b"18446744073709551615 kB"), None);
        assert_eq!(hexadecimal(b"7fff"), Some(0x7fff));
        assert_eq!(hexadecimal(b"\xff"), None);
    }
}
