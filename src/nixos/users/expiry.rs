//! The day on which an account expires.

use std::time::{SystemTime, UNIX_EPOCH};

/// Whether an account with this expiry date, `2031-12-31`, is no longer usable (pam_unix(8), shadow(5)).
pub(super) fn is_past(day: &str) -> bool {
    let today = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() / 86_400);
    days(day).is_some_and(|day| i64::try_from(today).is_ok_and(|today| today >= day))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days(date: &str) -> Option<i64> {
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March here, so that a leap day is the last of one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    Some(year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468)
}

/// The date that is so many days after 1970-01-01. `None` beyond the year 9999: that is as good as never.
pub(super) fn date(days: i64) -> Option<String> {
    // Days from 0000-03-01, in cycles of 400 years. Years begin in March.
    let days = days.checked_add(719_468)?;
    let (cycle, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + cycle * 400 + i64::from(month <= 2);
    (1..=9999).contains(&year).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_number_of_days() {
        for (date, expected) in [
            ("1970-01-01", Some(0)),
            ("2000-02-29", Some(11_016)),
            ("2001-01-01", Some(11_323)),
            ("2026-11-28", Some(20_785)),
            ("never", None),
            ("2001-13-01", None),
        ] {
            assert_eq!(days(date), expected, "{date}");
            assert_eq!(expected.and_then(self::date).as_deref(), expected.map(|_| date), "{date}");
        }
        for day in (0..20_000).step_by(13) {
            assert_eq!(date(day).as_deref().and_then(days), Some(day));
        }
        assert_eq!((date(i64::MAX), date(99_999_999)), (None, None));
        assert!(is_past("2001-01-01") && !is_past("9999-12-31") && !is_past(""));
    }
}
