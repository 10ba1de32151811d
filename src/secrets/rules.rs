//! What a secret looks like: for each sort a few bytes by which it is noticed, and a test that no other text passes.

use std::sync::LazyLock;

use data_encoding::BASE64;
use regex::bytes::Regex;

use super::filter::{Filter, Needle};
use super::pem;

/// Bytes that a secret may have at most: a key of RSA with 16,384 bits, and headers.
pub(super) const LONGEST: usize = 16 << 10;

/// What a secret turned out to be.
pub(super) struct Found {
    pub(super) kind: &'static str,
    pub(super) what: String,
    /// Its length in the text.
    pub(super) length: usize,
    /// What tells two of them apart; none where somebody could guess it by its digest.
    pub(super) identity: Option<Vec<u8>>,
}

/// How a candidate is tested.
enum Test {
    Pem,
    /// The pattern matches at the candidate, and what its first group has is the secret. The last is told of the kind.
    Pattern(&'static str, LazyLock<Option<Regex>>, Identity),
}

/// Whether the digest of a secret may be told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Identity {
    /// It is random.
    Told,
    /// It may be a word.
    Hidden,
}

/// A rule.
struct Rule {
    /// The bytes by which a candidate is noticed. They begin the secret, or the text that names it.
    noticed: &'static [Needle],
    kind: &'static str,
    /// Parts of paths in which it counts, or their ends where a `$` stands behind; everywhere where there are none.
    paths: &'static [&'static str],
    test: Test,
}

macro_rules! pattern {
    ($what:expr, $identity:ident, $pattern:expr) => {
        Test::Pattern($what, LazyLock::new(|| Regex::new(concat!("(?-u)^", $pattern)).ok()), Identity::$identity)
    };
}

const fn needle(text: &'static str, key: usize) -> Needle {
    Needle { text, key }
}

static RULES: [Rule; 29] = [
    Rule { noticed: &[needle("-----BEGIN ", 4)], kind: "private-key", paths: &[], test: Test::Pem },
    Rule {
        noticed: &[needle("AGE-SECRET-KEY-1", 12)],
        kind: "private-key",
        paths: &[],
        test: pattern!("age", Told, r"(AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58})(?:[^0-9A-Za-z]|$)"),
    },
    Rule {
        noticed: &[needle("PrivateKey", 4), needle("privateKey", 4)],
        kind: "private-key",
        paths: &[],
        test: pattern!(
            "WireGuard",
            Told,
            r#"[Pp]rivateKey\s*[=:]\s*"?([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)(?:[^A-Za-z0-9+/=]|$)"#
        ),
    },
    Rule {
        noticed: &[needle("$y$", 0)],
        kind: "password-hash",
        paths: &[],
        test: pattern!(
            "yescrypt",
            Told,
            r"(\$y\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43})(?:[^./A-Za-z0-9]|$)"
        ),
    },
    Rule {
        noticed: &[needle("$gy$", 0)],
        kind: "password-hash",
        paths: &[],
        test: pattern!(
            "gost-yescrypt",
            Told,
            r"(\$gy\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43})(?:[^./A-Za-z0-9]|$)"
        ),
    },
    Rule {
        noticed: &[needle("$7$", 0)],
        kind: "password-hash",
        paths: &[],
        test: pattern!("scrypt", Told, r"(\$7\$[./A-Za-z0-9]{11,97}\$[./A-Za-z0-9]{43})(?:[^./A-Za-z0-9]|$)"),
    },
    Rule {
        noticed: &[needle("$6$", 0)],
        kind: "password-hash",
        paths: &[],
        test: pattern!(
            "sha512",
            Told,
            r"(\$6\$(?:rounds=[0-9]{1,9}\$)?[^$:\s\x00]{1,16}\$[./A-Za-z0-9]{86})(?:[^./A-Za-z0-9]|$)"
        ),
    },
    Rule {
        noticed: &[needle("$5$", 0)],
        kind: "password-hash",
        paths: &[],
        test: pattern!(
            "sha256",
            Told,
            r"(\$5\$(?:rounds=[0-9]{1,9}\$)?[^$:\s\x00]{1,16}\$[./A-Za-z0-9]{43})(?:[^./A-Za-z0-9]|$)"
        ),
    },
    Rule {
        noticed: &[needle("$2a$", 0), needle("$2b$", 0), needle("$2x$", 0), needle("$2y$", 0)],
        kind: "password-hash",
        paths: &[],
        test: pattern!("bcrypt", Told, r"(\$2[abxy]\$[0-3][0-9]\$[./A-Za-z0-9]{53})(?:[^./A-Za-z0-9]|$)"),
    },
    Rule {
        noticed: &[needle("$1$", 0)],
        kind: "password-hash",
        paths: &[],
        test: pattern!("md5", Told, r"(\$1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22})(?:[^./A-Za-z0-9]|$)"),
    },
    Rule {
        noticed: &[needle("$sha1$", 2)],
        kind: "password-hash",
        paths: &[],
        test: pattern!(
            "sha1",
            Told,
            r"(\$sha1\$[0-9]{1,9}\$[./A-Za-z0-9]{1,64}\$[./A-Za-z0-9]{28})(?:[^./A-Za-z0-9]|$)"
        ),
    },
    Rule {
        noticed: &[needle("\"password\"", 0), needle("\"initialPassword\"", 7)],
        kind: "password",
        paths: &["-users-groups.json$", "-userborn.json$"],
        test: pattern!("of a user", Hidden, r#""(?:initialP|p)assword"\s*:\s*"((?:[^"\\]|\\.)+)""#),
    },
    Rule {
        noticed: &[needle("\"hashedPassword\"", 8), needle("\"initialHashedPassword\"", 8)],
        kind: "password-hash",
        paths: &["-users-groups.json$", "-userborn.json$"],
        // All others begin with a dollar.
        test: pattern!(
            "DES",
            Hidden,
            r#""(?:initialH|h)ashedPassword"\s*:\s*"([./A-Za-z0-9]{13}|_[./A-Za-z0-9]{19})""#
        ),
    },
    Rule {
        noticed: &[needle("SetCredential=passwd.plaintext-password.", 1)],
        kind: "password",
        paths: &[],
        test: pattern!("of a user", Hidden, r"SetCredential=passwd\.plaintext-password\.[^:\s]{1,64}:([^\r\n]+)"),
    },
    Rule {
        noticed: &[needle("live.nixos.passwd=", 2), needle("live.nixos.password=", 2)],
        kind: "password",
        paths: &[".cfg$", ".conf$", ".ipxe$", "/kernel-params$"],
        test: pattern!("on a kernel line", Hidden, r"live\.nixos\.passw(?:d|ord)=(\S+)"),
    },
    Rule {
        noticed: &[needle("psk=", 0)],
        kind: "wifi-password",
        paths: &["wpa_supplicant", "system-connections", ".nmconnection$"],
        // `ext:NAME` and `@NAME@` stand for what is elsewhere.
        test: pattern!(
            "pre-shared key",
            Hidden,
            r#"psk=("[^"\r\n@]{8,63}"|[0-9a-fA-F]{64}|[^"@\r\n:$]{8,63})(?:[\r\n]|$)"#
        ),
    },
    Rule {
        noticed: &[needle("ghp_", 0), needle("gho_", 0), needle("ghu_", 0), needle("ghs_", 0), needle("ghr_", 0)],
        kind: "token",
        paths: &[],
        test: pattern!("GitHub", Told, r"(gh[pousr]_[A-Za-z0-9]{36})(?:[^A-Za-z0-9]|$)"),
    },
    Rule {
        noticed: &[needle("github_pat_", 4)],
        kind: "token",
        paths: &[],
        test: pattern!("GitHub", Told, r"(github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})(?:[^A-Za-z0-9]|$)"),
    },
    Rule {
        noticed: &[needle("glpat-", 0)],
        kind: "token",
        paths: &[],
        test: pattern!("GitLab", Told, r"(glpat-[A-Za-z0-9_-]{20})(?:[^A-Za-z0-9_-]|$)"),
    },
    Rule {
        noticed: &[needle("AKIA", 0), needle("ASIA", 0)],
        kind: "token",
        paths: &[],
        test: pattern!(
            "AWS",
            Told,
            r#"A[KS]IA[A-Z2-7]{16}[\s\S]{1,200}?(?i:secret[a-z_ ]{0,20})["']?\s*[:=]\s*["']?([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"#
        ),
    },
    Rule {
        noticed: &[needle("xoxb-", 0), needle("xoxp-", 0)],
        kind: "token",
        paths: &[],
        test: pattern!("Slack", Told, r"(xox[bp]-[0-9]{9,13}-[0-9]{9,13}[0-9A-Za-z-]{20,})"),
    },
    Rule {
        noticed: &[needle("sk_live_", 1), needle("rk_live_", 1)],
        kind: "token",
        paths: &[],
        test: pattern!("Stripe", Told, r"([rs]k_live_[A-Za-z0-9]{24,247})(?:[^A-Za-z0-9_]|$)"),
    },
    Rule {
        noticed: &[needle("npm_", 0)],
        kind: "token",
        paths: &[],
        test: pattern!("npm", Told, r"(npm_[A-Za-z0-9]{36})(?:[^A-Za-z0-9_]|$)"),
    },
    Rule {
        noticed: &[needle("private-key=", 8)],
        kind: "private-key",
        paths: &["system-connections", ".nmconnection"],
        test: pattern!("WireGuard", Told, r"private-key=([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)(?:\s|$)"),
    },
    Rule {
        noticed: &[needle("Passphrase=", 7)],
        kind: "wifi-password",
        paths: &["/iwd/", ".psk$"],
        test: pattern!("pre-shared key", Hidden, r"Passphrase=([^\r\n@]{8,63})(?:[\r\n]|$)"),
    },
    Rule {
        noticed: &[needle("hf_", 0)],
        kind: "token",
        paths: &[],
        test: pattern!("Hugging Face", Told, r"(hf_[A-Za-z]{34})(?:[^A-Za-z0-9_]|$)"),
    },
    Rule {
        noticed: &[needle("_authToken=", 3)],
        kind: "token",
        paths: &["npmrc$"],
        test: pattern!("npm", Told, r#"_authToken=("?[A-Za-z0-9_-]{20,}"?)"#),
    },
    Rule {
        noticed: &[needle("access-tokens", 4)],
        kind: "token",
        paths: &["nix.conf$"],
        test: pattern!("of Nix", Told, r"access-tokens\s*=\s*(?:\S+\s+)*?[^\s=]+=(\S{20,})"),
    },
    Rule {
        noticed: &[needle("password ", 5)],
        kind: "password",
        paths: &["/netrc$", "/.netrc$", "/_netrc$", "-netrc$"],
        test: pattern!("netrc", Hidden, r"password\s+(\S+)"),
    },
];

/// The fewest different bytes of something random: `XXXXXXXX` stands for a token and is none.
const FEWEST_DIFFERENT: usize = 8;

/// Notices candidates for the rules that count everywhere, and for all of them.
static EVERYWHERE: LazyLock<Filter> =
    LazyLock::new(|| Filter::new(RULES.iter().filter(|rule| rule.paths.is_empty()).flat_map(|rule| rule.noticed)));
static IN_SOME: LazyLock<Filter> = LazyLock::new(|| Filter::new(RULES.iter().flat_map(|rule| rule.noticed)));

/// The filter for the files of a path.
pub(super) fn filter(path: &str) -> &'static Filter {
    if has_own(path) { &IN_SOME } else { &EVERYWHERE }
}

/// Whether there are rules for the files of a path, besides those for all.
pub(super) fn has_own(path: &str) -> bool {
    RULES.iter().any(|rule| !rule.paths.is_empty() && rule.counts_in(path))
}

impl Rule {
    fn counts_in(&self, path: &str) -> bool {
        let is_in = |part: &&str| part.strip_suffix('$').map_or_else(|| path.contains(part), |end| path.ends_with(end));
        self.paths.is_empty() || self.paths.iter().any(is_in)
    }
}

/// Tests a candidate: a text that begins with what was noticed, and what stands before it.
pub(super) fn test(text: &[u8], before: Option<u8>, path: &str) -> Option<Found> {
    let noticed = |rule: &&Rule| rule.noticed.iter().any(|needle| text.starts_with(needle.text.as_bytes()));
    let rule = RULES.iter().filter(|rule| rule.counts_in(path)).find(noticed)?;
    match &rule.test {
        Test::Pem => {
            let key = pem::read(text)?;
            Some(Found { kind: rule.kind, what: key.label, length: key.length, identity: Some(key.bytes) })
        }
        Test::Pattern(what, pattern, identity) => {
            // In the middle of a word it is something else, such as base64.
            let joined = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if joined && !matches!(rule.kind, "password" | "wifi-password") {
                return None;
            }
            let captures = pattern.as_ref()?.captures(text)?;
            let secret = captures.get(1)?;
            let random = *identity == Identity::Hidden || is_random(secret.as_bytes());
            let identity = (*identity == Identity::Told).then(|| secret.as_bytes().to_vec());
            random.then(|| Found { kind: rule.kind, what: (*what).to_owned(), length: secret.end(), identity })
        }
    }
}

fn is_random(secret: &[u8]) -> bool {
    let mut seen = [false; 256];
    secret.iter().for_each(|&byte| seen.iter_mut().skip(usize::from(byte)).take(1).for_each(|seen| *seen = true));
    let decoded = BASE64.decode(secret).unwrap_or_default();
    let zeros = !decoded.is_empty() && decoded.iter().all(|byte| *byte == 0);
    seen.iter().filter(|seen| **seen).count() >= FEWEST_DIFFERENT
        && !zeros
        && !secret.windows(7).any(|part| part == b"EXAMPLE")
}

/// Tests a whole file for a host key of dropbear.
pub(super) fn test_file(bytes: &[u8]) -> Option<Found> {
    let what = format!("dropbear {}", dropbear(bytes)?);
    Some(Found { kind: "private-key", what, length: bytes.len(), identity: Some(bytes.to_vec()) })
}

/// The type of dropbear's key: a string with the type, then the numbers of the private half (dropbear, signkey.c).
fn dropbear(text: &[u8]) -> Option<&'static str> {
    if !text.starts_with(&[0, 0, 0]) {
        return None;
    }
    let mut rest = text;
    let mut fields = 0;
    let mut first: &[u8] = &[];
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (field, behind) = behind.split_at_checked(length)?;
        match fields {
            0 if !matches!(field.get(..4), Some(b"ssh-" | b"ecds")) => return None,
            0 => first = field,
            // Public and private half of Ed25519 in one field.
            1 if first == b"ssh-ed25519" && field.len() != 64 => return None,
            _ => {}
        }
        fields += 1;
        rest = behind;
    }
    match first {
        // n, e, d, p, q; a public key has two.
        b"ssh-rsa" if fields >= 5 => Some("ssh-rsa"),
        b"ssh-ed25519" if fields == 2 => Some("ssh-ed25519"),
        // Curve, point and scalar; a public key has two.
        kind if kind.starts_with(b"ecdsa-sha2-") && fields == 4 => Some("ecdsa"),
        _ => None,
    }
}
