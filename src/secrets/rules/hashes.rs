//! Password hashes: those of crypt(5), and those of Apache and Argon2.

use std::sync::LazyLock;

use super::places::ACCOUNTS;
use super::{Before, EVERYWHERE, Identity, Needle, Pattern, Rule, Test, Whose, needle};
use crate::nixos::Scheme;

/// The end of a hash: a character that cannot be part of it. Argon2's base 64 also has `+`.
const END: &str = "(?:[^./A-Za-z0-9]|$)";
const END_OF_BASE64: &str = "(?:[^A-Za-z0-9+/]|$)";

/// Text that precedes the hash of a user in JSON.
const FIELDS: [Needle; 2] = [needle("\"hashedPassword\"", 8), needle("\"initialHashedPassword\"", 8)];

pub(super) static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let others = [
        hash(
            vec![needle("$apr1$", 0)],
            Pattern::new("apr1", Identity::Told, format!(r"(\$apr1\$[./A-Za-z0-9]{{1,8}}\$[./A-Za-z0-9]{{22}}){END}")),
        ),
        hash(
            vec![needle("$argon2", 0)],
            Pattern::new(
                "argon2",
                Identity::Told,
                r"(\$argon2(?:id|i|d)\$v=[0-9]{1,3}\$[a-z0-9=,]{5,40}\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,86})"
                    .to_owned()
                    + END_OF_BASE64,
            ),
        ),
    ];
    Scheme::all().map(of_scheme).chain(others).collect()
});

/// A hash with a dollar sign is found anywhere. Others look like any word, and count only as a user's hash.
fn of_scheme(scheme: Scheme) -> Rule {
    // Without a salt, tables list the password for every digest.
    let identity = if scheme.is_salted() { Identity::Told } else { Identity::Hidden };
    let pattern = scheme.pattern();
    match scheme.begins_with_dollar() {
        true => hash(
            scheme.prefixes().iter().map(|prefix| needle(prefix, 0)).collect(),
            Pattern::new(scheme.name(), identity, format!("({pattern}){END}")),
        ),
        false => Rule {
            noticed: FIELDS.to_vec().into(),
            kind: "password-hash",
            places: ACCOUNTS,
            before: Before::Anything,
            whose: Whose::User,
            test: Test::Pattern(Pattern::new(
                scheme.name(),
                Identity::Hidden,
                format!(r#""(?:initialH|h)ashedPassword"\s*:\s*"({pattern})""#),
            )),
        },
    }
}

fn hash(noticed: Vec<Needle>, pattern: Pattern) -> Rule {
    Rule {
        noticed: noticed.into(),
        kind: "password-hash",
        places: EVERYWHERE,
        before: Before::NoWord,
        whose: Whose::User,
        test: Test::Pattern(pattern),
    }
}
