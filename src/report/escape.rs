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

/// The bytes that [`escape`] shows as `text`. `None` if it shows none of them, so that a backslash in the text is a real one.
#[must_use]
pub fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((&first, behind)) = rest.split_first() {
        match escaped(behind).filter(|_| first == b'\\') {
            Some((shown, behind)) => {
                bytes.extend(shown);
                rest = behind;
            }
            None => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    (bytes != text).then_some(bytes)
}

/// What the text after a backslash stands for, and what follows it.
fn escaped(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    match text {
        [b'n', rest @ ..] => Some((vec![b'\n'], rest)),
        [b't', rest @ ..] => Some((vec![b'\t'], rest)),
        [b'r', rest @ ..] => Some((vec![b'\r'], rest)),
        // Only bytes that are not UTF-8 are shown so; systemd writes \x2d in the names of units.
        [b'x', high, low, rest @ ..] => {
            let digits = [*high, *low];
            let byte = u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?;
            (byte >= 0x80).then(|| (vec![byte], rest))
        }
        [b'u', b'{', rest @ ..] => {
            let end = rest.iter().position(|&byte| byte == b'}')?;
            let digits = std::str::from_utf8(rest.get(..end)?).ok()?;
            let letter = char::from_u32(u32::from_str_radix(digits, 16).ok()?).filter(|letter| is_harmful(*letter))?;
            Some((letter.to_string().into_bytes(), rest.get(end + 1..)?))
        }
        _ => None,
    }
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
            let back = unescape(shown.as_bytes()).unwrap_or_else(|| shown.into());
            assert_eq!(back, bytes, "{shown}");
        }
    }
}
