//! Nix32, the base-32 notation of Nix: a little-endian number, most significant digit first.

/// The digits: no `e`, `o`, `t` and `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";

/// The value of each byte as a digit, [`NONE`] for bytes that are not digits.
#[expect(clippy::indexing_slicing, reason = "reckoned by the compiler, which would refuse it")]
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut value = 0;
    let mut rest: &[u8] = ALPHABET;
    while let [digit, behind @ ..] = rest {
        values[*digit as usize] = value;
        value += 1;
        rest = behind;
    }
    values
};

const NONE: u8 = u8::MAX;

fn value(byte: u8) -> Option<u8> {
    VALUES.get(usize::from(byte)).copied().filter(|&value| value != NONE)
}

/// Whether the byte is a Nix32 digit.
#[must_use]
pub fn is_digit(byte: u8) -> bool {
    value(byte).is_some()
}

/// Writes bytes in Nix32: 52 digits for a SHA-256 digest.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1);
    let digits = (bytes.len() * 8).div_ceil(5);
    let digit = |n: usize| (0..5).rev().fold(0, |digit, at| digit << 1 | usize::from(bit(n * 5 + at)));
    (0..digits).rev().filter_map(|n| ALPHABET.get(digit(n))).map(|&digit| char::from(digit)).collect()
}

/// Decodes `N` bytes. `None` if `text` is not Nix32 of that length, or out of range.
#[must_use]
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0u8; N];
    if text.len() != (N * 8).div_ceil(5) {
        return None;
    }
    // Digits that do not fill a byte yet, the least significant first.
    let (mut pending, mut bits) = (0u16, 0);
    let mut next = bytes.iter_mut();
    for letter in text.bytes().rev() {
        pending |= u16::from(value(letter)?) << bits;
        bits += 5;
        if bits >= 8 {
            let [low, high] = pending.to_le_bytes();
            *next.next()? = low;
            pending = u16::from(high);
            bits -= 8;
        }
    }
    // Only the zero padding of the last digit may be left over.
    if pending != 0 {
        return None;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_written_as_nix_hash_writes_them() {
        let empty = data_encoding::HEXLOWER.decode(b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let empty: [u8; 32] = empty.unwrap().try_into().unwrap();
        assert_eq!(encode(&empty), "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73");
        assert_eq!(decode("0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73"), Some(empty));
        let count: Vec<u8> = (0..20).collect();
        assert_eq!(encode(&count), "2c91240g1q6hq2qa1440f1h50h1h4080");
        assert_eq!(encode(&[0xff; 32]), format!("1{}", "z".repeat(51)));
    }

    #[test]
    fn a_number_over_the_range_and_a_foreign_letter_are_refused() {
        assert_eq!(decode::<32>(&format!("2{}", "0".repeat(51))), None);
        assert_eq!(decode::<32>(&"e".repeat(52)), None);
        assert_eq!(decode::<32>("0"), None);
    }
}
