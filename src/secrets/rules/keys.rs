//! Private keys, armoured or on one line.

use std::borrow::Cow;

use super::Identity::Told;
use super::places::NETWORKS;
use super::{Before, EVERYWHERE, Rule, Test, Whose, needle, pattern};

pub(super) static RULES: [Rule; 7] = [
    Rule {
        noticed: Cow::Borrowed(&[needle("-----BEGIN ", 4)]),
        kind: "private-key",
        places: EVERYWHERE,
        before: Before::NoWord,
        whose: Whose::Unsaid,
        test: Test::Pem,
    },
    Rule {
        // `-----BEGIN ` in base64, without the last two bits.
        noticed: Cow::Borrowed(&[needle("LS0tLS1CRUdJTi", 6)]),
        kind: "private-key",
        places: EVERYWHERE,
        before: Before::Anything,
        whose: Whose::Unsaid,
        test: Test::WrappedPem,
    },
    Rule {
        noticed: Cow::Borrowed(&[needle("Private-Lines: ", 7)]),
        kind: "private-key",
        places: EVERYWHERE,
        before: Before::NoWord,
        whose: Whose::Unsaid,
        test: pattern("PuTTY", Told, r"Private-Lines: [0-9]{1,3}\r?\n([A-Za-z0-9+/]{32,64}={0,2})(?:\r?\n|$)"),
    },
    Rule {
        noticed: Cow::Borrowed(&[needle("AGE-SECRET-KEY-", 3)]),
        kind: "private-key",
        places: EVERYWHERE,
        before: Before::NoWord,
        whose: Whose::Unsaid,
        // The alphabet of bech32. Post-quantum keys begin with `PQ`.
        test: pattern(
            "age",
            Told,
            r"(AGE-SECRET-KEY-(?:PQ-)?1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58})(?:[^0-9A-Za-z]|$)",
        ),
    },
    Rule {
        noticed: Cow::Borrowed(&[needle("PrivateKey", 4), needle("privateKey", 4)]),
        kind: "private-key",
        places: EVERYWHERE,
        before: Before::NoWord,
        whose: Whose::Unsaid,
        test: pattern(
            "WireGuard",
            Told,
            r#"[Pp]rivateKey\\?["']?\s*[=:]\s*\\?["']?([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)(?:[^A-Za-z0-9+/=]|$)"#,
        ),
    },
    Rule {
        noticed: Cow::Borrowed(&[needle("PresharedKey", 6), needle("presharedKey", 6)]),
        kind: "private-key",
        places: EVERYWHERE,
        before: Before::NoWord,
        whose: Whose::Unsaid,
        test: pattern(
            "WireGuard pre-shared key",
            Told,
            r#"[Pp]resharedKey\\?["']?\s*[=:]\s*\\?["']?([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)(?:[^A-Za-z0-9+/=]|$)"#,
        ),
    },
    Rule {
        noticed: Cow::Borrowed(&[needle("private-key", 7), needle("preshared-key", 9)]),
        kind: "private-key",
        places: NETWORKS,
        before: Before::NoWord,
        whose: Whose::Unsaid,
        test: pattern(
            "WireGuard",
            Told,
            r"(?:private|preshared)-key\s*=\s*([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)(?:\s|$)",
        ),
    },
];
