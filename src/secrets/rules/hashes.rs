//! Hashes of passwords (crypt(5)), and those of Apache and Argon2, which are guessed just as well.

use super::places::ACCOUNTS;
use super::{Before, EVERYWHERE, Rule, Test, needle};
use crate::secrets::filter::Needle;

pub(super) static RULES: [Rule; 14] = [
    hash(
        &[needle("$y$", 0)],
        pattern!(
            "yescrypt",
            Told,
            r"(\$y\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43})(?:[^./A-Za-z0-9]|$)"
        ),
    ),
    hash(
        &[needle("$gy$", 0)],
        pattern!(
            "gost-yescrypt",
            Told,
            r"(\$gy\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43})(?:[^./A-Za-z0-9]|$)"
        ),
    ),
    hash(
        &[needle("$7$", 0)],
        pattern!("scrypt", Told, r"(\$7\$[./A-Za-z0-9]{11,97}\$[./A-Za-z0-9]{43})(?:[^./A-Za-z0-9]|$)"),
    ),
    hash(
        &[needle("$6$", 0)],
        pattern!(
            "sha512",
            Told,
            r"(\$6\$(?:rounds=[0-9]{1,9}\$)?[^$:\s\x00]{1,16}\$[./A-Za-z0-9]{86})(?:[^./A-Za-z0-9]|$)"
        ),
    ),
    hash(
        &[needle("$5$", 0)],
        pattern!(
            "sha256",
            Told,
            r"(\$5\$(?:rounds=[0-9]{1,9}\$)?[^$:\s\x00]{1,16}\$[./A-Za-z0-9]{43})(?:[^./A-Za-z0-9]|$)"
        ),
    ),
    hash(
        &[needle("$2a$", 0), needle("$2b$", 0), needle("$2x$", 0), needle("$2y$", 0)],
        pattern!("bcrypt", Told, r"(\$2[abxy]\$[0-3][0-9]\$[./A-Za-z0-9]{53})(?:[^./A-Za-z0-9]|$)"),
    ),
    hash(
        &[needle("$1$", 0)],
        pattern!("md5", Told, r"(\$1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22})(?:[^./A-Za-z0-9]|$)"),
    ),
    hash(
        &[needle("$apr1$", 0)],
        pattern!("apr1", Told, r"(\$apr1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22})(?:[^./A-Za-z0-9]|$)"),
    ),
    hash(
        &[needle("$md5", 0)],
        pattern!(
            "sunmd5",
            Told,
            r"(\$md5(?:,rounds=[0-9]{1,10})?\$[./A-Za-z0-9]{1,16}\$?\$[./A-Za-z0-9]{22})(?:[^./A-Za-z0-9]|$)"
        ),
    ),
    hash(
        &[needle("$sha1$", 0)],
        pattern!("sha1", Told, r"(\$sha1\$[0-9]{1,9}\$[./A-Za-z0-9]{1,64}\$[./A-Za-z0-9]{28})(?:[^./A-Za-z0-9]|$)"),
    ),
    // Unsalted: two of the same password have the same, and a table tells of which.
    hash(&[needle("$3$$", 0)], pattern!("nt", Hidden, r"(\$3\$\$[0-9a-f]{32})(?:[^0-9a-f]|$)")),
    hash(
        &[needle("$argon2", 0)],
        pattern!(
            "argon2",
            Told,
            r"(\$argon2(?:id|i|d)\$v=[0-9]{1,3}\$[a-z0-9=,]{5,40}\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,86})(?:[^A-Za-z0-9+/]|$)"
        ),
    ),
    Rule {
        noticed: &[needle("\"hashedPassword\"", 8), needle("\"initialHashedPassword\"", 8)],
        kind: "password-hash",
        places: ACCOUNTS,
        before: Before::Anything,
        // All others begin with a dollar.
        test: pattern!("DES", Hidden, r#""(?:initialH|h)ashedPassword"\s*:\s*"([./A-Za-z0-9]{13})""#),
    },
    Rule {
        noticed: &[needle("\"hashedPassword\"", 8), needle("\"initialHashedPassword\"", 8)],
        kind: "password-hash",
        places: ACCOUNTS,
        before: Before::Anything,
        test: pattern!("BSDi DES", Hidden, r#""(?:initialH|h)ashedPassword"\s*:\s*"(_[./A-Za-z0-9]{19})""#),
    },
];

const fn hash(noticed: &'static [Needle], test: Test) -> Rule {
    Rule { noticed, kind: "password-hash", places: EVERYWHERE, before: Before::NoWord, test }
}
