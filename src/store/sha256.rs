//! SHA-256 digests in all notations that Nix and similar tools write.

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER_PERMISSIVE};

use super::nix32;

/// Hexadecimal digits of a digest.
const HEX_DIGITS: usize = 64;

/// Nix32 digits of a digest.
const NIX32_DIGITS: usize = 52;

/// Parses a digest: hexadecimal digits, Nix32 or base 64, alone or after `sha256:`, or as SRI after `sha256-`.
#[must_use]
pub fn parse(text: &str) -> Option<[u8; 32]> {
    if let Some(base64) = prefixed(text, "sha256-") {
        return self::base64(base64);
    }
    let digits = prefixed(text, "sha256:").unwrap_or(text);
    match digits.len() {
        HEX_DIGITS => HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()?.try_into().ok(),
        NIX32_DIGITS => nix32::decode(digits),
        _ => base64(digits),
    }
}

/// Base 64, with or without padding.
fn base64(text: &str) -> Option<[u8; 32]> {
    let encoding = if text.ends_with('=') { BASE64 } else { BASE64_NOPAD };
    encoding.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// The text after a prefix, ignoring the prefix's case.
fn prefixed<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_notations_are_the_same_digest() {
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let nix32 = "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
        let base64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let expected = parse(hex);
        assert!(expected.is_some());
        for text in [
            hex.to_uppercase(),
            nix32.to_owned(),
            base64.to_owned(),
            format!("sha256:{hex}"),
            format!("SHA256:{hex}"),
            format!("sha256:{nix32}"),
            format!("sha256:{base64}"),
            format!("sha256-{base64}"),
            format!("sha256-{}", base64.trim_end_matches('=')),
        ] {
            assert_eq!(parse(&text), expected, "{text}");
        }
        for text in
            ["", "abc", "sha256:", "sha256-", &hex[1..], &nix32[1..], &format!("sha512:{hex}"), "é".repeat(32).as_str()]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
