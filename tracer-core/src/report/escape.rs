//! Text that the target chose, made harmless for a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with everything written out that could move a cursor, hide itself or turn the
/// reading direction: `\x1b`, `\u{202e}`. A backslash is doubled, so nothing can pose as it.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    // Nearly all names are of this kind, and bytes are checked many at a time.
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'\\';
    if text.bytes().all(plain) || !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\\' => safe.push_str("\\\\"),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            _ if !is_unsafe(character) => safe.push(character),
            // Writing to a string cannot fail.
            _ if u32::from(character) < 0x100 => {
                _ = write!(safe, "\\x{:02x}", u32::from(character));
            }
            _ => _ = write!(safe, "\\u{{{:x}}}", u32::from(character)),
        }
    }
    Cow::Owned(safe)
}

fn is_unsafe(character: char) -> bool {
    character == '\\'
        || character.is_control()
        || matches!(
            character,
            // soft hyphen, Arabic letter mark, Mongolian vowel separator
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            // zero width and bidirectional marks, separators, embeddings, isolates
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // byte order mark, interlinear annotations, tags
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmful_characters_are_written_out() {
        for (text, expected) in [
            ("main.(*shop).serve", "main.(*shop).serve"),
            ("prüfe.größe 日本", "prüfe.größe 日本"),
            ("\u{1b}[31mred", "\\x1b[31mred"),
            ("a\u{9b}2J", "a\\x9b2J"),
            ("a\nb\rc\td\0", "a\\nb\\rc\\td\\x00"),
            ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
            ("\u{2067}x\u{2069}\u{200b}", "\\u{2067}x\\u{2069}\\u{200b}"),
            ("\\x1b", "\\\\x1b"),
            ("\u{7f}\u{e0041}\u{feff}", "\\x7f\\u{e0041}\\u{feff}"),
        ] {
            assert_eq!(escape(text), expected);
        }
    }
}
