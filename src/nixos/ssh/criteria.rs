//! The criteria of a `Match` (sshd_config(5)).

use super::pattern::listed;
use crate::nixos::users::User;

/// Whether a block of the configuration applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// For every connection.
    Yes,
    /// Never for this user.
    No,
    /// For some connections. The image cannot tell; this criterion decides.
    Perhaps(String),
}

impl Holds {
    /// Both must apply.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Perhaps(criterion), _) | (_, Self::Perhaps(criterion)) => Self::Perhaps(criterion),
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }
}

/// Whether all criteria hold for the user.
pub(super) fn holds(criteria: &[String], user: &User) -> Holds {
    let mut words = criteria.iter().map(String::as_str);
    let mut all = Holds::Yes;
    while let Some(word) = words.next() {
        // Newer sshd takes `User=root` too.
        let (name, patterns) = match word.split_once('=') {
            Some((name, patterns)) => (name, Some(patterns)),
            None => (word, None),
        };
        let name = name.to_ascii_lowercase();
        let one = match name.as_str() {
            "all" => Holds::Yes,
            // The user is valid.
            "invalid-user" => Holds::No,
            name => match (name, patterns.or_else(|| words.next()).map(|patterns| patterns.split(','))) {
                ("user", Some(patterns)) => match listed(patterns, &user.name) {
                    true => Holds::Yes,
                    false => Holds::No,
                },
                ("group", Some(patterns)) => of_groups(&patterns.collect::<Vec<_>>(), user),
                _ => Holds::Perhaps(word.split_once('=').map_or(word, |(name, _)| name).to_owned()),
            },
        };
        all = all.and(one);
    }
    all
}

fn of_groups(patterns: &[&str], user: &User) -> Holds {
    let Some(groups) = &user.groups else { return Holds::Perhaps("Group".to_owned()) };
    let taken = |group: &String| listed(patterns.iter().copied(), group);
    let excluded = |group: &String| {
        patterns.iter().filter_map(|pattern| pattern.strip_prefix('!')).any(|pattern| listed([pattern], group))
    };
    if groups.iter().any(taken) && !groups.iter().any(excluded) { Holds::Yes } else { Holds::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_image_cannot_tell_is_neither_yes_nor_no() {
        let root = User { groups: Some(vec!["root".to_owned(), "wheel".to_owned()]), ..User::implied("root") };
        let perhaps = |criterion: &str| Holds::Perhaps(criterion.to_owned());
        for (criteria, expected) in [
            ("all", Holds::Yes),
            ("User root", Holds::Yes),
            ("user=ro*,!root", Holds::No),
            ("Group users,wh*", Holds::Yes),
            ("Group root,!wheel", Holds::No),
            ("Address 10.0.0.0/8", perhaps("Address")),
            ("Host *.local User eve", Holds::No),
            ("LocalPort=22 User root", perhaps("LocalPort")),
            ("Invalid-User", Holds::No),
        ] {
            let words: Vec<String> = criteria.split(' ').map(str::to_owned).collect();
            assert_eq!(holds(&words, &root), expected, "{criteria}");
        }
        let words = ["group".to_owned(), "wheel".to_owned()];
        assert_eq!(holds(&words, &User::implied("root")), perhaps("Group"));
    }
}
