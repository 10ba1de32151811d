//! What a manifest does not hold: hash parts of store paths, which differ with every build, and passwords.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::bytes::Regex;

use crate::secrets::{redacted, without_guessable};

/// A store path's hash part, in the alphabet of Nix.
static HASH: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?-u)(nix/store/)[0-9a-df-np-sv-z]{32}-").ok());

/// A parameter of NixOS's installers that sets a password, with its value.
static PASSWORD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?-u)(live\.nixos\.passw[a-zA-Z]*=)[^\s"']+"#).ok());

/// Parts of names of parameters whose values nobody should read.
const SECRET: [&str; 6] = ["passw", "passphrase", "psk", "secret", "token", "privatekey"];

/// Bytes with the hash parts of their store paths masked: `e` is no letter of theirs.
pub(in crate::diff) fn masked(bytes: &[u8]) -> Cow<'_, [u8]> {
    match &*HASH {
        Some(hash) => hash.replace_all(bytes, &b"${1}eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-"[..]),
        None => Cow::Borrowed(bytes),
    }
}

/// Bytes of which everybody may know the digest: with hash parts masked, and without passwords that somebody would find by trying
/// one after the other.
pub(in crate::diff) fn public<'b>(path: &str, bytes: &'b [u8]) -> Cow<'b, [u8]> {
    let masked = masked(bytes);
    let replaced = match &*PASSWORD {
        Some(password) if password.is_match(&masked) => Some(password.replace_all(&masked, &b"${1}"[..]).into_owned()),
        _ => None,
    };
    let masked = replaced.map_or(masked, Cow::Owned);
    match without_guessable(path.as_bytes(), &masked) {
        Cow::Owned(rest) => Cow::Owned(rest),
        Cow::Borrowed(_) => masked,
    }
}

/// A parameter of a kernel, without its value where that is a password.
pub(super) fn parameter(parameter: &str) -> String {
    let is_secret = |name: &str| SECRET.iter().any(|part| name.to_ascii_lowercase().contains(part));
    match parameter.split_once('=') {
        Some((name, value)) if is_secret(name) => {
            // A hash says what it is.
            let value = public_text(value);
            format!("{name}={}", if value.starts_with('[') { &value } else { "…" })
        }
        _ => public_text(parameter),
    }
}

/// A text with hash parts masked, and what is secret in it replaced by what it is.
pub(super) fn public_text(shown: &str) -> String {
    let masked = text(shown);
    String::from_utf8_lossy(&redacted(b"", masked.as_bytes())).into_owned()
}

/// A name as a text; bytes that are no UTF-8 are escaped, so that two names stay two.
pub(super) fn named(name: &[u8]) -> String {
    match std::str::from_utf8(name) {
        Ok(name) => name.to_owned(),
        Err(_) => name.escape_ascii().to_string(),
    }
}

/// A text with the hash parts of its store paths masked.
pub(in crate::diff) fn text(text: &str) -> String {
    String::from_utf8_lossy(&masked(text.as_bytes())).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_lose_their_passwords_and_nothing_else() {
        let hash = format!("$6$saltsaltsalt$a1b2c3d4{}", "q".repeat(78));
        for (given, kept) in [
            ("loglevel=4", "loglevel=4".to_owned()),
            ("live.nixos.passwd=hunter2", "live.nixos.passwd=…".to_owned()),
            ("wifi.PSK=hunter2", "wifi.PSK=…".to_owned()),
            ("init=/nix/store/g1nbmnqnx4gpnv32yprf4ql87ccg5035-f1", format!("init=/nix/store/{}-f1", "e".repeat(32))),
        ] {
            assert_eq!(parameter(given), kept);
        }
        let hashed = parameter(&format!("live.nixos.passwordHash={hash}"));
        assert!(hashed.starts_with("live.nixos.passwordHash=[password-hash sha512 "), "{hashed}");
    }

    #[test]
    fn a_digest_of_a_file_says_nothing_of_a_password_in_it() {
        let users = |password: &str| format!("{{\"users\":[{{\"password\":\"{password}\"}}]}}");
        let menu = |password: &str| format!("linux /bzImage live.nixos.passwd={password} quiet\n");
        let json = "/x-users-groups.json";
        assert_eq!(public(json, users("hunter2").as_bytes()), public(json, users("letmein").as_bytes()));
        assert_eq!(public("/grub.cfg", menu("hunter2").as_bytes()), public("/grub.cfg", menu("letmein").as_bytes()));
        assert_ne!(public("/grub.cfg", b"quiet"), public("/grub.cfg", b"debug"));
    }

    #[test]
    fn names_stay_apart() {
        assert_eq!(
            (named(b"caf\xe9"), named(b"caf\xe8"), named("é".as_bytes())),
            ("caf\\xe9".to_owned(), "caf\\xe8".to_owned(), "é".to_owned())
        );
    }

    #[test]
    fn hash_parts_of_store_paths_are_masked() {
        let path = "/nix/store/g1nbmnqnx4gpnv32yprf4ql87ccg5035-f1";
        let e = "e".repeat(32);
        assert_eq!(
            text(&format!("init={path}/init x /nix/store/short {path}")),
            format!("init=/nix/store/{e}-f1/init x /nix/store/short /nix/store/{e}-f1")
        );
        assert_eq!(
            text("/nix/store/e1nbmnqnx4gpnv32yprf4ql87ccg5035-f1"),
            "/nix/store/e1nbmnqnx4gpnv32yprf4ql87ccg5035-f1"
        );
    }
}
