//! Dates and times, in the short form of directory records and the long form of volume descriptors.

use std::fmt;
use std::str::FromStr;

use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::{map_opt, verify};
use nom::number::complete::i8;

use crate::parse::{Parsed, Trouble, uint8};

/// A date and time with its offset from Greenwich (ECMA-119 §8.4.26.1, §9.1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// From 1 to 9999.
    pub year: u16,
    /// From 1 to 12.
    pub month: u8,
    /// From 1 to 31.
    pub day: u8,
    /// From 0 to 23.
    pub hour: u8,
    /// From 0 to 59.
    pub minute: u8,
    /// From 0 to 59.
    pub second: u8,
    /// Hundredths of a second. Always 0 in the short form.
    pub hundredths: u8,
    /// Quarters of an hour east of Greenwich, from -48 to 52.
    pub quarters: i8,
}

impl Date {
    /// Seconds since 1970-01-01 UTC, without the hundredths.
    #[must_use]
    pub fn timestamp(&self) -> i64 {
        let clock = (i64::from(self.hour) * 60 + i64::from(self.minute)) * 60 + i64::from(self.second);
        self.days() * 86_400 + clock - i64::from(self.quarters) * 15 * 60
    }

    /// Days since 1970-01-01. The year is counted from March, so that its leap day comes last.
    fn days(&self) -> i64 {
        let month = i64::from(self.month);
        let year = i64::from(self.year) - i64::from(month < 3);
        let before_month = (153 * ((month + 9) % 12) + 2) / 5;
        365 * year + year / 4 - year / 100 + year / 400 + before_month + i64::from(self.day) - 1 - 719_468
    }
}

/// RFC 3339, with hundredths unless they are zero: `2024-11-30T18:05:00+01:00`.
impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second, hundredths, quarters } = self;
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if *hundredths > 0 {
            write!(formatter, ".{hundredths:02}")?;
        }
        let sign = if *quarters < 0 { '-' } else { '+' };
        let minutes = u16::from(quarters.unsigned_abs()) * 15;
        match minutes {
            0 => write!(formatter, "Z"),
            _ => write!(formatter, "{sign}{:02}:{:02}", minutes / 60, minutes % 60),
        }
    }
}

/// Parses the seven bytes of a directory record. An invalid date counts as not specified, like all zeros (§9.1.5).
pub(super) fn short_date(input: &[u8]) -> Parsed<'_, Option<Date>> {
    let (rest, bytes) = take(7usize).parse(input)?;
    let fields = (uint8, uint8, uint8, uint8, uint8, uint8, i8).parse(bytes);
    let date = fields.map(|(_, (year, month, day, hour, minute, second, quarters))| Date {
        year: 1900 + u16::from(year),
        month,
        day,
        hour,
        minute,
        second,
        hundredths: 0,
        quarters,
    });
    Ok((rest, date.ok().and_then(plausible)))
}

/// Parses the seventeen bytes of a volume descriptor: digits, then the offset from Greenwich. An invalid date counts as not
/// specified, like a date of zero digits (§8.4.26.1).
pub(super) fn long_date(input: &[u8]) -> Parsed<'_, Option<Date>> {
    let (rest, bytes) = take(17usize).parse(input)?;
    let fields = (digits::<u16>(4), digits(2), digits(2), digits(2), digits(2), digits(2), digits(2), i8).parse(bytes);
    let date = fields.map(|(_, (year, month, day, hour, minute, second, hundredths, quarters))| Date {
        year,
        month,
        day,
        hour,
        minute,
        second,
        hundredths,
        quarters,
    });
    Ok((rest, date.ok().and_then(plausible)))
}

/// A date with all fields in range. An offset that is out of range counts as zero, as in Linux.
fn plausible(date: Date) -> Option<Date> {
    let calendar = date.year > 0 && (1..=12).contains(&date.month) && (1..=31).contains(&date.day);
    let clock = date.hour < 24 && date.minute < 60 && date.second < 60;
    let quarters = if (-48..=52).contains(&date.quarters) { date.quarters } else { 0 };
    (calendar && clock).then_some(Date { quarters, ..date })
}

/// A decimal number of `count` digits (§8.4.26.1, table 5).
fn digits<'a, N: FromStr>(count: usize) -> impl Parser<&'a [u8], Output = N, Error = Trouble<'a>> {
    let ascii = verify(take(count), |bytes: &[u8]| bytes.iter().all(u8::is_ascii_digit));
    map_opt(ascii, |bytes| std::str::from_utf8(bytes).ok()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_date_counts_years_from_1900_and_quarters_of_an_hour_from_greenwich() {
        let (_, date) = short_date(&[124, 11, 30, 18, 5, 9, 4]).unwrap();
        let date = date.unwrap();
        assert_eq!(date.to_string(), "2024-11-30T18:05:09+01:00");
        assert_eq!(date.timestamp(), 1_732_986_309);
    }

    #[test]
    fn a_long_date_is_written_in_digits() {
        let (_, date) = long_date(b"1980010100000007\xec").unwrap();
        let date = date.unwrap();
        assert_eq!(date.to_string(), "1980-01-01T00:00:00.07-05:00");
        assert_eq!(date.timestamp(), 315_532_800 + 5 * 3600);
    }

    #[test]
    fn zeros_and_nonsense_are_dates_not_specified() {
        assert_eq!(long_date(b"0000000000000000\0"), Ok((&b""[..], None)));
        assert_eq!(long_date(b"2024+1-1        \0"), Ok((&b""[..], None)));
        assert_eq!(short_date(&[0; 7]), Ok((&b""[..], None)));
        assert_eq!(short_date(&[100, 13, 1, 0, 0, 0, 0]), Ok((&b""[..], None)));
    }

    #[test]
    fn timestamps_agree_with_date_of_coreutils() {
        let cases = [
            ([0, 1, 1, 0, 0, 0, 0], -2_208_988_800),
            ([70, 1, 1, 0, 0, 0, 0], 0),
            ([100, 2, 29, 12, 0, 0, 0], 951_825_600),
            ([100, 3, 1, 0, 0, 0, 0], 951_868_800),
            ([138, 1, 19, 3, 14, 8, 0], 2_147_483_648),
        ];
        for (bytes, expected) in cases {
            assert_eq!(short_date(&bytes).unwrap().1.unwrap().timestamp(), expected, "{bytes:?}");
        }
    }
}
