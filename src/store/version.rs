//! Versions, compared as Nix compares them, and version requirements.

use std::cmp::Ordering;
use std::fmt;

/// `builtins.compareVersions`: components end at `.` and `-`, and between digits and other bytes. Numbers are compared as numbers.
/// `pre` comes before everything, a word before a number, nothing before a number (Nix, `libstore/names.cc`).
#[must_use]
pub fn compare(one: &str, other: &str) -> Ordering {
    compare_by(one, other, |one, other| compare_components(one.text, other.text))
}

/// Words for stages before a release, the earliest first.
const PRE_RELEASES: [&[&str]; 5] = [&["dev"], &["alpha"], &["beta"], &["pre", "preview"], &["rc"]];

/// The order that people expect. It differs from Nix's in that `2.0-beta.3`, `1.0_rc1` and `3.14.0a1` come before their release.
/// Nix knows only `pre`.
#[must_use]
pub fn compare_releases(one: &str, other: &str) -> Ordering {
    compare_by(one, other, |one, other| match (pre_release(one), pre_release(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        // To people, 2 is 2.0, so that 2.0-rc1 comes before both.
        (None, None) if other.is_end() && one.leads_to_pre_release() => Ordering::Less,
        (None, None) if one.is_end() && other.leads_to_pre_release() => Ordering::Greater,
        (None, None) => compare_components(one.text, other.text),
    })
}

/// A component of a version, and what surrounds it.
struct Component<'v> {
    text: &'v str,
    /// What comes after it.
    rest: &'v str,
    /// Whether it follows a number without a separator.
    attached: bool,
}

impl<'v> Component<'v> {
    /// Takes the next component of a version. `whole` is the complete version.
    fn next(rest: &mut &'v str, whole: &str) -> Self {
        let attached = rest.len() < whole.len() && !rest.starts_with(['.', '-']);
        let text = next_component(rest);
        Self { text, rest, attached }
    }

    /// Whether the version ended before it.
    fn is_end(&self) -> bool {
        self.text.is_empty() && self.rest.is_empty()
    }

    /// Whether it is a zero, and nothing but zeros stand before a pre-release: `0-rc1`.
    fn leads_to_pre_release(&self) -> bool {
        let mut rest = self.rest;
        let mut zero = is_zero(self.text);
        while zero && !rest.is_empty() {
            let whole = rest;
            let next = Component::next(&mut rest, whole);
            if pre_release(&next).is_some() {
                return true;
            }
            zero = is_zero(next.text);
        }
        false
    }
}

fn is_zero(component: &str) -> bool {
    !component.is_empty() && component.bytes().all(|byte| byte == b'0')
}

/// The stage of a pre-release: higher is closer to the release.
fn pre_release(component: &Component<'_>) -> Option<usize> {
    let word = component.text.trim_start_matches(|letter: char| !letter.is_ascii_alphanumeric());
    // Python writes `3.14.0a1` and `3.14.0b2`. But OpenSSL's `1.1.1a` and tzdata's `2025b` come after 1.1.1 and 2025.
    let word = match word {
        "a" | "b" if !component.attached || !component.rest.starts_with(|letter: char| letter.is_ascii_digit()) => {
            return None;
        }
        "a" => "alpha",
        "b" => "beta",
        word => word,
    };
    PRE_RELEASES.iter().position(|words| words.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

fn compare_by(one: &str, other: &str, compare: impl Fn(&Component<'_>, &Component<'_>) -> Ordering) -> Ordering {
    let (mut left, mut right) = (one, other);
    while !(left.is_empty() && right.is_empty()) {
        let order = compare(&Component::next(&mut left, one), &Component::next(&mut right, other));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn next_component<'v>(version: &mut &'v str) -> &'v str {
    let rest = version.trim_start_matches(['.', '-']);
    let digit = rest.starts_with(|letter: char| letter.is_ascii_digit());
    let inside = |letter: char| letter.is_ascii_digit() == digit && !matches!(letter, '.' | '-');
    let end = rest.find(|letter| !inside(letter)).unwrap_or(rest.len());
    let (component, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
    *version = behind;
    component
}

fn compare_components(one: &str, other: &str) -> Ordering {
    // Nix stores components in an `int` and treats digits that do not fit as a word. So does this.
    let (left, right) = (one.parse::<i32>(), other.parse::<i32>());
    match (left, right) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        _ if one == other => Ordering::Equal,
        (_, Ok(_)) if one.is_empty() => Ordering::Less,
        (Ok(_), _) if other.is_empty() => Ordering::Greater,
        _ if one == "pre" => Ordering::Less,
        _ if other == "pre" => Ordering::Greater,
        (_, Ok(_)) => Ordering::Less,
        (Ok(_), _) => Ordering::Greater,
        _ => one.cmp(other),
    }
}

/// A version requirement: `1.2`, `>=1.2`, `^1`, `1.*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    relation: Relation,
    version: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equal,
    Less,
    AtMost,
    AtLeast,
    Greater,
    /// `^1.2`: at least 1.2, with the same first nonzero component.
    Compatible,
    /// `1.*`: begins with these components.
    Prefix,
    /// `2.40-*`, `1.0_*`: begins with this text, which ends in the middle of a component or after a dash.
    Text,
}

/// The operators, longest first, and then as words, which no shell takes for a redirection.
const OPERATORS: [(&str, Relation); 11] = [
    (">=", Relation::AtLeast),
    ("<=", Relation::AtMost),
    (">", Relation::Greater),
    ("<", Relation::Less),
    ("^", Relation::Compatible),
    ("=", Relation::Equal),
    ("ge:", Relation::AtLeast),
    ("le:", Relation::AtMost),
    ("gt:", Relation::Greater),
    ("lt:", Relation::Less),
    ("eq:", Relation::Equal),
];

impl Requirement {
    /// Parses a requirement. `None` if it has no version, or a `*` other than at the end.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let operator = OPERATORS.iter().find_map(|(sign, relation)| Some((*relation, text.strip_prefix(sign)?)));
        let (relation, version) = match (operator, text.strip_suffix('*')) {
            (Some((relation, version)), _) => (relation, version),
            (None, Some(prefix)) if prefix.ends_with(['-', '_', '+', '?']) => (Relation::Text, prefix),
            (None, Some(prefix)) => (Relation::Prefix, prefix.trim_end_matches('.')),
            (None, None) => (Relation::Equal, text),
        };
        let version = version.trim();
        // A version begins with a letter or digit, and has no other characters than store path names. These may also have `=`, but
        // that is far more likely a misspelled operator.
        let begins = version.starts_with(|letter: char| letter.is_ascii_alphanumeric());
        let inside = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '+' | '_' | '?');
        let right = begins && version.chars().all(inside) || text == "*";
        right.then(|| Self { relation, version: version.to_owned() })
    }

    /// Whether `version` meets the requirement. In ranges, `2.0-rc1` comes before `2.0`.
    #[must_use]
    pub fn admits(&self, version: &str) -> bool {
        let order = compare_releases(version, &self.version);
        match self.relation {
            Relation::Equal => compare(version, &self.version).is_eq(),
            Relation::Less => order.is_lt(),
            Relation::AtMost => order.is_le(),
            Relation::AtLeast => order.is_ge(),
            Relation::Greater => order.is_gt(),
            Relation::Compatible => order.is_ge() && self.begins(version, self.leading()),
            Relation::Prefix => self.begins(version, usize::MAX),
            Relation::Text => version.starts_with(&self.version),
        }
    }

    /// How many components `^` keeps: those up to the first nonzero one.
    fn leading(&self) -> usize {
        let mut rest = self.version.as_str();
        let mut count = 1;
        while !rest.is_empty() && next_component(&mut rest).bytes().all(|byte| byte == b'0') {
            count += 1;
        }
        count
    }

    /// Whether `version` begins with the first `count` components of this one.
    fn begins(&self, mut version: &str, count: usize) -> bool {
        let mut ours = self.version.as_str();
        let mut seen = 0;
        while !ours.is_empty() && seen < count {
            if compare_components(next_component(&mut version), next_component(&mut ours)).is_ne() {
                return false;
            }
            seen += 1;
        }
        true
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = OPERATORS.iter().find(|(_, relation)| *relation == self.relation).map(|(sign, _)| *sign);
        match self.relation {
            Relation::Equal => write!(formatter, "{}", self.version),
            Relation::Prefix if self.version.is_empty() => write!(formatter, "*"),
            Relation::Prefix => write!(formatter, "{}.*", self.version),
            Relation::Text => write!(formatter, "{}*", self.version),
            _ => write!(formatter, "{}{}", sign.unwrap_or_default(), self.version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_nix_compares_them() {
        for (one, other, order) in [
            ("1.0", "2.3", Ordering::Less),
            ("2.1", "2.3", Ordering::Less),
            ("2.3", "2.3", Ordering::Equal),
            ("2.5", "2.3", Ordering::Greater),
            ("2.3.1", "2.3", Ordering::Greater),
            ("2.3.1", "2.3.1a", Ordering::Less),
            ("2.3pre1", "2.3", Ordering::Less),
            ("2.3pre3", "2.3pre12", Ordering::Less),
            ("2.3a", "2.3c", Ordering::Less),
            ("2.3pre1", "2.3c", Ordering::Less),
            ("2.3pre1", "2.3q", Ordering::Less),
            ("1.09", "1.9", Ordering::Equal),
            ("99999999999", "100000000000", Ordering::Greater),
        ] {
            assert_eq!(compare(one, other), order, "{one} {other}");
            assert_eq!(compare(other, one), order.reverse(), "{other} {one}");
        }
    }

    #[test]
    fn a_pre_release_comes_before_its_release() {
        let versions = [
            "1.9",
            "2.0-dev",
            "2.0alpha2",
            "2.0-beta.3",
            "2.0-beta.10",
            "2.0pre4",
            "2.0-rc1",
            "2.0RC2",
            "2.0",
            "2.0.1-rc1",
            "2.0.1",
            "3.14.0a1",
            "3.14.0b2",
            "3.14.0rc1",
            "3.14.0",
            "17beta1",
            "17",
            "17.1",
        ];
        for pair in versions.windows(2) {
            assert_eq!(compare_releases(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare_releases(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        for (later, earlier) in [
            ("0-unstable-2024-05-01", "0"),
            ("1.0", "1.0_rc1"),
            ("2", "2.0-rc1"),
            ("2", "2.0.0-beta.3"),
            ("2.0.1-rc1", "2"),
            ("2.0", "2"),
            ("1.0_rc2", "1.0_rc1"),
            ("1.0_p3", "1.0"),
            ("1.1.1w", "1.1.1"),
            ("1.1.1a", "1.1.1"),
            ("2025b", "2025a"),
            ("10.2p1", "10.2"),
            ("25.11.a1b2c3", "25.11"),
        ] {
            assert_eq!(compare_releases(later, earlier), Ordering::Greater, "{later} {earlier}");
            assert_eq!(compare_releases(earlier, later), Ordering::Less, "{earlier} {later}");
        }
        assert_eq!(compare("2.0-rc1", "2.0"), Ordering::Greater, "the order of Nix is another");
    }

    #[test]
    fn requirements_admit_what_they_say() {
        for (requirement, admitted, refused) in [
            ("1.2", &["1.2", "1.02"][..], &["1.2.1", "1"][..]),
            (">=1.2", &["1.2", "1.10", "2"], &["1.1", "1.2pre1"]),
            (">=17", &["17", "17.1", "18beta1"], &["17beta1", "17-rc1", "17alpha"]),
            (">=1.0", &["1.0", "1.0_p1"], &["1.0_rc1", "1.0b2"]),
            (">17-rc1", &["17-rc2", "17"], &["17beta1", "17-rc1"]),
            ("<17", &["16.9", "17beta1"], &["17"]),
            ("^17", &["17.2"], &["17beta1", "18beta1"]),
            ("2.40-*", &["2.40-66", "2.40-rc1"], &["2.40", "2.4", "2.40.1"]),
            ("0-unstable-*", &["0-unstable-2024-05-01"], &["0", "0-2024"]),
            ("1.0_*", &["1.0_5", "1.0_beta"], &["1.0", "1.0.5", "1.05"]),
            ("<2", &["1.9"], &["2", "2.0"]),
            ("ge:2", &["2", "3", "2.0"], &["1.9", "2.0-rc1"]),
            ("le:2", &["2", "1"], &["2.1"]),
            ("gt:2", &["2.1"], &["2"]),
            ("lt:2", &["1.9"], &["2"]),
            ("eq:2", &["2"], &["2.1"]),
            ("^1", &["1", "1.9.3"], &["2.0", "0.9", "10"]),
            ("^0.3", &["0.3", "0.3.7"], &["0.4", "0.2"]),
            ("1.*", &["1", "1.0", "1.9-3"], &["10", "2"]),
            ("25.11*", &["25.11", "25.11.1234"], &["25.05"]),
            ("*", &["", "3"], &[]),
        ] {
            let parsed = Requirement::parse(requirement).unwrap();
            admitted.iter().for_each(|version| assert!(parsed.admits(version), "{requirement} {version}"));
            refused.iter().for_each(|version| assert!(!parsed.admits(version), "{requirement} {version}"));
        }
        assert!(
            ["", ">=", "1.*.2", ">= <3", "^", "~2", "!2", "==2", "=>2", "=<2", ">2,<3", "2@3", "2 3", "ge:", "ne:2"]
                .iter()
                .all(|text| Requirement::parse(text).is_none())
        );
    }
}
