//! Sizes as people write them, and as they are shown.

const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Formats a number of bytes with about three digits: `512 B`, `1.5 GiB`.
#[must_use]
pub fn format(bytes: u64) -> String {
    // Counted in tenths of the unit, rounded half up, to need no floating point.
    let (mut tenths, mut unit) = (u128::from(bytes) * 10, 0);
    while tenths >= 10_235 && unit + 1 < UNITS.len() {
        unit += 1;
        tenths = (u128::from(bytes) * 10 + (1 << (10 * unit - 1))) >> (10 * unit);
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 || tenths >= 1000 {
        format!("{} {name}", (tenths + 5) / 10)
    } else {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}

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

    #[test]
    fn sizes_are_written_in_binary_units() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (102_400, "100 KiB"),
            (1_048_064, "1.0 MiB"),
            (3_145_728, "3.0 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(format(bytes), shown, "{bytes}");
        }
    }
}
