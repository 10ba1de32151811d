//! Text from an image, made harmless for a terminal.

use std::borrow::Cow;

/// Shows bytes as text. Control characters and bytes that are not UTF-8 become `\n`, `\u{1b}`, `\xff`.
#[must_use]
pub fn escape(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if is_plain(text) || !text.chars().any(is_harmful) => Cow::Borrowed(text),
        _ => Cow::Owned(bytes.utf8_chunks().fold(String::new(), |mut shown, chunk| {
            for letter in chunk.valid().chars() {
                if is_harmful(letter) { shown.extend(letter.escape_default()) } else { shown.push(letter) }
            }
            chunk.invalid().iter().for_each(|byte| shown.extend(byte.escape_ascii().map(char::from)));
            shown
        })),
    }
}

/// Whether all letters are visible ones of ASCII, as in nearly all paths. This is much faster than [`is_harmful`] for each letter.
pub(super) fn is_plain(text: &str) -> bool {
    // Without an early end, the compiler tests many bytes at once.
    text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'))
}

/// Control characters move the cursor. Direction marks and letters without width make one text look like another.
pub(super) fn is_harmful(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        for (bytes, shown) in [
            (&b"plain \xc3\xa9"[..], "plain é"),
            (b"a\nb\tc", "a\\nb\\tc"),
            (b"\x1b[31mred", "\\u{1b}[31mred"),
            (b"caf\xe9", "caf\\xe9"),
            (b"systemd\\x2dfsck", "systemd\\x2dfsck"),
            ("\u{202e}gpj".as_bytes(), "\\u{202e}gpj"),
        ] {
            assert_eq!(escape(bytes), shown);
        }
    }
}
