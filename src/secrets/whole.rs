//! Secrets that are a whole file, or that only several lines together reveal.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::logins;
use super::rules::{Found, Places, RECORDS, SHADOW, WIREGUARD};
use super::subject::Subject;
use crate::nixos::Scheme;

/// The longest file with one key: a Nix signing key and its name.
const LONGEST_SIGNING: usize = 400;

/// Limit for the user records and lines of `shadow` that are reported per file.
const MOST: usize = 1_000;

/// Finds the secrets in a whole file, each with its offset.
pub(super) fn test(bytes: &[u8], places: Places) -> Vec<(usize, Found)> {
    if let Some(found) = dropbear(bytes).or_else(|| signing(bytes)) {
        return vec![(0, found)];
    }
    let mut found = Vec::new();
    if places.meet(WIREGUARD) {
        found.extend(wireguard(bytes).map(|found| (0, found)));
    }
    if places.meet(RECORDS) {
        found.extend(records(bytes));
    }
    if places.meet(SHADOW) {
        found.extend(shadow(bytes));
    }
    if places.meet(Places::LOGINS) {
        found.extend(logins::test(bytes, places));
    }
    found
}

fn private_key(what: &str, bytes: &[u8]) -> Found {
    Found {
        kind: "private-key",
        what: what.to_owned(),
        length: bytes.len(),
        identity: Some(bytes.to_vec()),
        subject: None,
    }
}

/// A host key of dropbear: a string with the type, then the numbers of the private half (dropbear, signkey.c).
fn dropbear(bytes: &[u8]) -> Option<Found> {
    if !bytes.starts_with(&[0, 0, 0]) {
        return None;
    }
    let mut rest = bytes;
    let mut fields = 0;
    let mut first: &[u8] = &[];
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (field, behind) = behind.split_at_checked(length)?;
        match fields {
            0 if !matches!(field.get(..4), Some(b"ssh-" | b"ecds")) => return None,
            0 => first = field,
            // Ed25519 has both halves in one field.
            1 if first == b"ssh-ed25519" && field.len() != 64 => return None,
            _ => {}
        }
        fields += 1;
        rest = behind;
    }
    let kind = match first {
        // e, n, d, and in newer ones p and q; a public key has two.
        b"ssh-rsa" if fields >= 4 => "ssh-rsa",
        // p, q, g, y and x; a public key lacks the last.
        b"ssh-dss" if fields == 6 => "ssh-dss",
        b"ssh-ed25519" if fields == 2 => "ssh-ed25519",
        // Curve, point and scalar; a public key lacks the scalar.
        kind if kind.starts_with(b"ecdsa-sha2-") && fields == 4 => "ecdsa",
        _ => return None,
    };
    Some(private_key(&format!("dropbear {kind}"), bytes))
}

/// A Nix signing key, `NAME:` and 64 bytes in base64. A public key has 32 bytes.
fn signing(bytes: &[u8]) -> Option<Found> {
    static PATTERN: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?-u)^[A-Za-z0-9._@-]{1,200}:[A-Za-z0-9+/]{86}==\s*$").ok());
    let key = bytes.len() <= LONGEST_SIGNING && PATTERN.as_ref()?.is_match(bytes);
    key.then(|| private_key("Nix signing key", bytes.trim_ascii()))
}

/// A WireGuard key: 32 bytes in base64.
fn wireguard(bytes: &[u8]) -> Option<Found> {
    static PATTERN: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?-u)^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=\s*$").ok());
    let key = bytes.len() <= LONGEST_SIGNING && PATTERN.as_ref()?.is_match(bytes);
    key.then(|| private_key("WireGuard", bytes.trim_ascii()))
}

/// The ninth line of a user record is `X` and the password. The first is the name, and the lines from the sixth on are the home,
/// the shell, and whether the home is created (nixpkgs, nixos/modules/config/users-groups.nix, until 2014-02).
fn records(bytes: &[u8]) -> Vec<(usize, Found)> {
    static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let name = r"(?:(?<user>[^\n]+)\n(?:[^\n]*\n){4})?";
        let rest = r"/[^\n]*\n(?:/[^\n]*)?\n(?:1|)\nX(?<secret>[^\n]+)";
        Regex::new(&format!(r"(?-u)(?:^|\n){name}{rest}")).ok()
    });
    lines(&PATTERN, bytes, "password", |_| Some("of a user"))
}

/// The second field of a line in `shadow`, or a file with such a field alone, as `chpasswd -e` reads it. Hashes that begin with a
/// dollar sign are found anywhere.
fn shadow(bytes: &[u8]) -> Vec<(usize, Found)> {
    static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let line = r"(?<user>[A-Za-z_][A-Za-z0-9._-]*):(?<secret>[./A-Za-z0-9_]+):";
        let alone = r"([./A-Za-z0-9_]+)\s*$";
        Regex::new(&format!(r"(?-u)(?:^|\n){line}|^{alone}")).ok()
    });
    let scheme = |hash: &[u8]| std::str::from_utf8(hash).ok().and_then(Scheme::of).map(Scheme::name);
    lines(&PATTERN, bytes, "password-hash", scheme)
}

/// The secrets that a pattern finds, and their users. `what` names each secret, or returns `None` if it is not one.
fn lines(
    pattern: &LazyLock<Option<Regex>>,
    bytes: &[u8],
    kind: &'static str,
    what: impl Fn(&[u8]) -> Option<&'static str>,
) -> Vec<(usize, Found)> {
    let all = pattern.iter().flat_map(|pattern| pattern.captures_iter(bytes));
    let found = all.filter_map(|captures| {
        let secret = captures.name("secret").or_else(|| captures.get(3))?;
        let what = what(secret.as_bytes())?.to_owned();
        let subject = captures.name("user").and_then(|user| Subject::user(user.as_bytes()));
        Some((secret.start(), Found { kind, what, length: secret.len(), identity: None, subject }))
    });
    found.take(MOST).collect()
}
