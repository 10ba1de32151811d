//! Passwords that stand there as they are typed.

use super::places::{ACCOUNTS, ENVIRONMENT, NETRC, NETWORKS};
use super::{Before, EVERYWHERE, Rule, needle};

pub(super) static RULES: [Rule; 9] = [
    Rule {
        noticed: &[needle("\"password\"", 0), needle("\"initialPassword\"", 7)],
        kind: "password",
        places: ACCOUNTS,
        before: Before::Anything,
        test: pattern!("of a user", Hidden, r#""(?:initialP|p)assword"\s*:\s*"((?:[^"\\]|\\.)+)""#),
    },
    Rule {
        noticed: &[needle("SetCredential=", 2)],
        kind: "password",
        places: EVERYWHERE,
        before: Before::NoWord,
        test: pattern!("of a user", Hidden, r"SetCredential=passwd\.plaintext-password\.[^:\s]{1,64}:([^\r\n\x00]+)"),
    },
    Rule {
        noticed: &[needle("SetCredential=", 2)],
        kind: "password",
        places: EVERYWHERE,
        before: Before::NoWord,
        // Other names are of settings, such as `firstboot.locale`. Hashes are found as such.
        test: pattern!(
            "credential of a unit",
            Hidden,
            r"SetCredential=[^:\s\x00]{0,64}?(?i:passw|passphrase|secret|token|private|psk|key)[^:\s\x00]{0,64}:([^\r\n\x00$][^\r\n\x00]*)"
        ),
    },
    Rule {
        noticed: &[needle("live.nixos.passwd=", 2), needle("live.nixos.password=", 2)],
        kind: "password",
        places: EVERYWHERE,
        before: Before::NoWord,
        // The script that reads it has `*)` behind it, and its description a name in brackets.
        test: pattern!("on a kernel line", Hidden, r#"live\.nixos\.passw(?:d|ord)=([^\s"'`*<>$(){}\x00]+)"#),
    },
    Rule {
        noticed: &[needle("PASSWORD", 0), needle("PASSWD", 0), needle("PASSPHRASE", 0)],
        kind: "password",
        places: ENVIRONMENT,
        before: Before::Anything,
        test: pattern!(
            "in a variable",
            Hidden,
            r#"PASS(?:WORD|WD|PHRASE)(?:_[0-9]+)?=["']?([^\s"'/$%@<({\\][^\s"']{2,})"#
        ),
    },
    Rule {
        noticed: &[needle("psk", 0)],
        kind: "wifi-password",
        places: NETWORKS,
        before: Before::Anything,
        test: pattern!(
            "pre-shared key",
            Hidden,
            r#"psk\s*=\s*("[^\x00-\x1f]{8,63}"|[0-9a-fA-F]{64}|[^\x00-\x20"][^\x00-\x1f]{7,62})[ \t]*(?:[\r\n]|$)"#
        ),
    },
    Rule {
        noticed: &[needle("assphrase=", 6), needle("PreSharedKey=", 8)],
        kind: "wifi-password",
        places: NETWORKS,
        before: Before::Anything,
        test: pattern!("pre-shared key", Hidden, r"(?:assphrase|PreSharedKey)=([^\x00-\x1f]{8,64})(?:[\r\n]|$)"),
    },
    Rule {
        noticed: &[needle("assword", 3), needle("passwd=", 2), needle("wep_key", 1), needle("wep-key", 1)],
        kind: "wifi-password",
        places: NETWORKS,
        before: Before::Anything,
        // Of a user of EAP, of a key or of WEP.
        test: pattern!(
            "of a network",
            Hidden,
            r#"(?:assword|passwd|wep[_-]key[0-3])\s*=\s*("[^\x00-\x1f]+"|[^\x00-\x20"][^\x00-\x1f]*)(?:[\r\n]|$)"#
        ),
    },
    Rule {
        noticed: &[needle("password", 0)],
        kind: "password",
        places: NETRC,
        before: Before::NoWord,
        test: pattern!("netrc", Hidden, r"password\s+(\S+)"),
    },
];
