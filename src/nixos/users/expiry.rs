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
        }
        assert!(is_past("2001-01-01") && !is_past("9999-12-31") && !is_past(""));
    }
}
