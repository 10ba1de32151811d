//! Sizes as people write them.

/// Reads a number of bytes, with a unit or without: `2147483648`, `1.5 GiB`, `700MB`, `2G`.
///
/// # Errors
/// What is wrong with the text.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (number, unit) = text
        .split_at_checked(text.find(|letter: char| letter.is_ascii_alphabetic() || letter == ' ').unwrap_or(text.len()))
        .unwrap_or((text, ""));
    let wrong = || format!("{text} is not a size: write 2147483648, 1.5GiB or 700MB");
    let unit = unit.trim().to_ascii_lowercase();
    let factor: u128 =
        match (unit.trim_end_matches("ib").trim_end_matches('b'), unit.ends_with('b') && !unit.ends_with("ib")) {
            ("", _) => 1,
            (prefix, decimal) => {
                let power = match prefix {
                    "k" => 1,
                    "m" => 2,
                    "g" => 3,
                    "t" => 4,
                    _ => return Err(wrong()),
                };
                if decimal { 1000u128.pow(power) } else { 1024u128.pow(power) }
            }
        };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return Err(wrong());
    }
    let scale = fraction.bytes().fold(1u128, |scale, _| scale * 10);
    let number: u128 = format!("{whole}{fraction}").parse().map_err(|_| wrong())?;
    let bytes = number.checked_mul(factor).ok_or_else(wrong)? / scale;
    u64::try_from(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_a_unit_or_without() {
        for (text, bytes) in [
            ("0", 0),
            ("2147483648", 2_147_483_648),
            ("1.5 GiB", 1_610_612_736),
            ("700MB", 700_000_000),
            ("2g", 2 << 30),
            ("1KiB", 1024),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        assert!(
            ["", "GiB", "-1", "1.5.2", "1 XiB", "99999999999999999999", "1e9"].iter().all(|text| parse(text).is_err())
        );
    }
}
