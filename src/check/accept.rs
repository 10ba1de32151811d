//! Findings that a policy accepts, for a reason and perhaps until a day.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use globset::GlobMatcher;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A finding that is accepted: `[[accept]]` of a policy.
#[derive(Clone, Debug)]
pub struct Acceptance {
    /// A glob for the finding: an id of `access`, such as `empty-password`, or a kind of `secrets`, such as `private-key`.
    pub finding: GlobMatcher,
    /// A glob for its subject: a user, a menu entry, a path. `None` means any.
    pub subject: Option<GlobMatcher>,
    /// Why.
    pub reason: String,
    /// The last day on which it is accepted, in UTC. `None` means that it stays accepted.
    pub expires: Option<Date>,
    /// The policy file.
    pub policy: String,
    /// Its line in that file, counted from 1.
    pub line: usize,
}

impl Acceptance {
    /// Whether its last day is over.
    #[must_use]
    pub fn is_over(&self, today: Date) -> bool {
        self.expires.is_some_and(|last| today > last)
    }

    fn matches(&self, finding: &str, subjects: &[&str]) -> bool {
        let is_subject = |glob: &GlobMatcher| subjects.iter().any(|subject| glob.is_match(subject));
        self.finding.is_match(finding) && self.subject.as_ref().is_none_or(is_subject)
    }

    /// Its reason and last day, in parentheses.
    fn told(&self) -> String {
        match self.expires {
            Some(last) => format!("(accepted until {last}: {})", self.reason),
            None => format!("(accepted: {})", self.reason),
        }
    }
}

/// What is accepted today.
#[derive(Debug)]
pub struct Accepted {
    all: Vec<Acceptance>,
    today: Date,
    /// How many findings each has matched.
    uses: RefCell<Vec<usize>>,
}

/// Whether a finding is accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is, for this reason.
    Accepted(String),
    /// It was, for this reason.
    Over(String),
    /// It is not.
    Counts,
}

impl Accepted {
    /// What these accept on a day.
    #[must_use]
    pub fn on(today: Date, all: Vec<Acceptance>) -> Self {
        let uses = RefCell::new(vec![0; all.len()]);
        Self { all, today, uses }
    }

    /// Nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self::on(Date::MIN, Vec::new())
    }

    /// Whether a finding with one of these subjects is accepted.
    pub(super) fn standing(&self, finding: &str, subjects: &[&str]) -> Standing {
        let matching = || self.all.iter().zip(0..).filter(|(own, _)| own.matches(finding, subjects));
        let current = matching().find(|(own, _)| !own.is_over(self.today));
        let Some((own, index)) = current.or_else(|| matching().next()) else { return Standing::Counts };
        self.uses.borrow_mut().get_mut(index).into_iter().for_each(|uses| *uses += 1);
        match own.is_over(self.today) {
            true => Standing::Over(own.told()),
            false => Standing::Accepted(own.told()),
        }
    }

    /// Each acceptance, how many findings it has matched, and whether it is over.
    pub(super) fn into_used(self) -> Vec<Used> {
        let (today, uses) = (self.today, self.uses.into_inner());
        let used = |(acceptance, matches): (Acceptance, usize)| {
            let over = acceptance.is_over(today);
            Used { acceptance, matches, over }
        };
        self.all.into_iter().zip(uses).map(used).collect()
    }
}

/// An acceptance after the check.
#[derive(Clone, Debug)]
pub struct Used {
    /// What was accepted.
    pub acceptance: Acceptance,
    /// How many findings it matched.
    pub matches: usize,
    /// Whether its last day was over.
    pub over: bool,
}

/// The day in UTC of `SOURCE_DATE_EPOCH`, which counts seconds since 1970 (reproducible-builds.org). Without it, today.
///
/// # Errors
/// If the text is not a time.
pub fn today(source_date_epoch: Option<&str>) -> Result<Date, String> {
    let seconds = match source_date_epoch {
        Some(text) => text.trim().parse().ok(),
        None => SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|now| i64::try_from(now.as_secs()).ok()),
    };
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let wrong = || match source_date_epoch {
        Some(text) => format!("SOURCE_DATE_EPOCH is {text:?}, not a number of seconds since 1970"),
        None => "the clock shows no valid time".to_owned(),
    };
    time.map(|time| time.to_zoned(TimeZone::UTC).date()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use globset::Glob;

    use super::*;

    fn accept(finding: &str, subject: Option<&str>, expires: Option<&str>) -> Acceptance {
        let glob = |text: &str| Glob::new(text).unwrap().compile_matcher();
        Acceptance {
            finding: glob(finding),
            subject: subject.map(glob),
            reason: "why".to_owned(),
            expires: expires.map(|day| day.parse().unwrap()),
            policy: "p.toml".to_owned(),
            line: 1,
        }
    }

    #[test]
    fn a_finding_is_accepted_until_the_end_of_the_last_day() {
        let all = vec![
            accept("empty-password", Some("al*"), Some("2026-12-31")),
            accept("private-key", Some("/etc/*"), None),
            accept("empty-password", Some("bob"), None),
        ];
        let standing = |today: &str, finding, subjects: &[&str]| {
            Accepted::on(today.parse().unwrap(), all.clone()).standing(finding, subjects)
        };
        let told = || "(accepted until 2026-12-31: why)".to_owned();
        assert_eq!(standing("2026-12-31", "empty-password", &["alice"]), Standing::Accepted(told()));
        assert_eq!(standing("2027-01-01", "empty-password", &["alice"]), Standing::Over(told()));
        assert_eq!(standing("2026-12-31", "empty-password", &["carol"]), Standing::Counts);
        assert_eq!(standing("2026-12-31", "autologin", &["alice"]), Standing::Counts);
        let key = standing("2099-01-01", "private-key", &["/etc/ssh/key", "root"]);
        assert_eq!(key, Standing::Accepted("(accepted: why)".to_owned()));
        let accepted = Accepted::on("2027-01-01".parse().unwrap(), all);
        accepted.standing("empty-password", &["alice"]);
        let used: Vec<(usize, bool)> = accepted.into_used().iter().map(|used| (used.matches, used.over)).collect();
        assert_eq!(used, [(1, true), (0, false), (0, false)]);
    }

    #[test]
    fn the_day_is_that_of_source_date_epoch() {
        assert_eq!(today(Some("1700000000")).unwrap().to_string(), "2023-11-14");
        assert!(today(Some("soon")).unwrap_err().starts_with("SOURCE_DATE_EPOCH is \"soon\""));
        assert!(today(None).is_ok());
    }
}
