//! Joliet: a second tree with names in big-endian UCS-2.

use super::identifier::without_version;

/// Escape sequences that mark a supplementary volume descriptor as Joliet: UCS-2 levels 1, 2 and 3.
const ESCAPES: [&[u8]; 3] = [b"%/@", b"%/C", b"%/E"];

/// Whether the escape sequences of a supplementary volume descriptor mark it as Joliet.
pub(super) fn is_escape(sequences: &[u8]) -> bool {
    ESCAPES.iter().any(|escape| sequences.starts_with(escape))
}

/// The text of a descriptor's field, in UTF-8. An unpaired surrogate becomes U+FFFD.
pub(super) fn text(bytes: &[u8]) -> String {
    decode(bytes).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// The file name in an identifier: UTF-8, without its version. A surrogate pair is one character, as
/// writers record it. An unpaired surrogate keeps its number, in the three bytes that UTF-8 would have for it (as in WTF-8),
/// so that different names stay different.
pub(super) fn name(identifier: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(identifier.len());
    for unit in decode(identifier) {
        match unit {
            Ok(character) => name.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(half) => name.extend_from_slice(&three_bytes(half)),
        }
    }
    let length = without_version(&name).len();
    name.truncate(length);
    name
}

/// The characters of UTF-16. An odd last byte is dropped: the fields of 37 bytes have one.
fn decode(bytes: &[u8]) -> impl Iterator<Item = Result<char, u16>> + '_ {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
    char::decode_utf16(units).map(|unit| unit.map_err(|half| half.unpaired_surrogate()))
}

fn three_bytes(half: u16) -> [u8; 3] {
    let [high, low] = half.to_be_bytes();
    [0xe0 | high >> 4, 0x80 | (high & 0x0f) << 2 | low >> 6, 0x80 | low & 0x3f]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(units: &[u16]) -> Vec<u8> {
        units.iter().flat_map(|unit| unit.to_be_bytes()).collect()
    }

    #[test]
    fn a_name_is_utf8_without_its_version() {
        let identifier: Vec<u16> = "grüße 雪 🦀.txt;1".encode_utf16().collect();
        assert_eq!(name(&units(&identifier)), "grüße 雪 🦀.txt".as_bytes());
    }

    #[test]
    fn half_a_surrogate_pair_keeps_its_number() {
        assert_eq!(name(&units(&[0x61, 0xd800, 0x62])), b"a\xed\xa0\x80b");
        assert_eq!(name(&units(&[0xdfff])), b"\xed\xbf\xbf");
        assert_eq!(text(&units(&[0x61, 0xd800])), "a\u{fffd}");
    }

    #[test]
    fn only_three_escape_sequences_are_of_joliet() {
        for (sequences, joliet) in [(b"%/@", true), (b"%/C", true), (b"%/E", true), (b"%/G", false), (b"\0\0\0", false)]
        {
            assert_eq!(is_escape(sequences), joliet);
        }
    }
}
