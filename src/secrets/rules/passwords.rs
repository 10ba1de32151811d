//! Passwords in clear text.

use std::borrow::Cow;

use super::Identity::Hidden;
use super::places::{ACCOUNTS, CONFIGURATION, ENVIRONMENT, NETRC, NETWORKS, NIX};
use super::{Assignment, Before, EVERYWHERE, Rule, Test, Whose, needle, pattern};

pub(super) static RULES: [Rule; 9] = [
    Rule {
        noticed: Cow::Borrowed(&[needle("\"password\"", 0), needle("\"initialPassword\"", 7)]),
        kind: "password",
        places: ACCOUNTS,
        before: Before::Anything,
        whose: Whose::User,
        test: pattern("of a user", Hidden, r#""(?:initialP|p)assword"\s*:\s*"((?:[^"\\]|\\.)+)""#),
    },
    Rule {
        noticed: Cow::Borrowed(&[needle("SetCredential=", 2)]),
        kind: "password",
        places: EVERYWHERE,
        before: Before::NoWord,
        whose: Whose::Unsaid,
        test: Test::Assigned(Assignment::OfUnit),
    },
    Rule {
        noticed: Cow::Borrowed(&[needle("live.nixos.passw", 2), needle("systemd.set_credential", 10)]),
        kind: "password",
        places: EVERYWHERE,
        before: Before::NoWord,
        whose: Whose::Unsaid,
        test: Test::Assigned(Assignment::OnKernelLine),
    },
    Rule {
        noticed: Cow::Borrowed(&[needle("PASSWORD", 0), needle("PASSWD", 0), needle("PASSPHRASE", 0)]),
        kind: "password",
        places: ENVIRONMENT,
        before: Before::Anything,
        whose: Whose::Variable,
        test: pattern(
            "in a variable",
            Hidden,
            r#"PASS(?:WORD|WD|PHRASE)(?:_[0-9]+)?=["']?([^\s"'/$%@<({\\][^\s"']{2,})"#,
        ),
    },
    Rule {
        noticed: Cow::Borrowed(&[needle("://", 0)]),
        kind: "password",
        places: CONFIGURATION.and(ENVIRONMENT).and(NIX),
        before: Before::Anything,
        whose: Whose::Url,
        test: pattern("in a URL", Hidden, r#"://[^\s/:@"'$]{1,64}:([^\s/@"'`$%@<({\\][^\s/@"']{2,})@[A-Za-z0-9\[]"#),
    },
    Rule {
        noticed: Cow::Borrowed(&[needle("psk", 0)]),
        kind: "wifi-password",
        places: NETWORKS,
        before: Before::Anything,
        whose: Whose::Network,
        test: pattern(
            "pre-shared key",
            Hidden,
            r#"psk\s*=\s*("[^\x00-\x1f]{8,63}"|[0-9a-fA-F]{64}|[^\x00-\x20"][^\x00-\x1f]{7,62})[ \t]*(?:[\r\n]|$)"#,
        ),
    },
    Rule {
        noticed: Cow::Borrowed(&[needle("assphrase=", 6), needle("PreSharedKey=", 8)]),
        kind: "wifi-password",
        places: NETWORKS,
        before: Before::Anything,
        whose: Whose::Network,
        test: pattern("pre-shared key", Hidden, r"(?:assphrase|PreSharedKey)=([^\x00-\x1f]{8,64})(?:[\r\n]|$)"),
    },
    Rule {
        noticed: Cow::Borrowed(&[
            needle("assword", 3),
            needle("passwd=", 2),
            needle("wep_key", 1),
            needle("wep-key", 1),
        ]),
        kind: "wifi-password",
        places: NETWORKS,
        before: Before::Anything,
        whose: Whose::Network,
        // The password of an EAP user or of a private key, or a WEP key.
        test: pattern(
            "of a network",
            Hidden,
            r#"(?:assword|passwd|wep[_-]key[0-3])\s*=\s*("[^\x00-\x1f]+"|[^\x00-\x20"][^\x00-\x1f]*)(?:[\r\n]|$)"#,
        ),
    },
    Rule {
        noticed: Cow::Borrowed(&[needle("password", 0)]),
        kind: "password",
        places: NETRC,
        before: Before::NoWord,
        whose: Whose::Machine,
        test: pattern("netrc", Hidden, r"password\s+(\S+)"),
    },
];
