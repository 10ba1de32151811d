//! Masks: hashes of store paths, which change with every build, and secrets stay out of manifests and comparisons.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::bytes::Regex;

use crate::nixos::credential::Credential;
use crate::nixos::{Scheme, kernel_line};
use crate::secrets::{redacted, without_guessable};

/// A store path's hash, in Nix32.
static HASH: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?-u)(nix/store/)[0-9a-df-np-sv-z]{32}-").ok());

/// Endings of the names of boot menus, which have kernel lines.
const MENUS: [&str; 4] = [".cfg", ".conf", ".lst", ".ipxe"];

/// Stands for a secret.
const HIDDEN: &str = "…";

/// How [`redacted`] describes the hash of a password.
const DESCRIBED_HASH: &str = "[password-hash ";

/// Bytes with the hashes of store paths masked by `e`, which is not a digit of Nix32.
pub(in crate::diff) fn masked(bytes: &[u8]) -> Cow<'_, [u8]> {
    match &*HASH {
        Some(hash) => hash.replace_all(bytes, &b"${1}eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-"[..]),
        None => Cow::Borrowed(bytes),
    }
}

/// The bytes of a file whose digest may be published: hashes of store paths are masked, and secrets that the digest would let
/// somebody guess are gone.
pub(super) fn public<'b>(path: &str, bytes: &'b [u8]) -> Cow<'b, [u8]> {
    let mut public = masked(bytes);
    if MENUS.iter().any(|ending| path.ends_with(ending))
        && let Some(without) = without_parameters(&public)
    {
        public = Cow::Owned(without);
    }
    match without_guessable(path.as_bytes(), &public) {
        Cow::Owned(rest) => Cow::Owned(rest),
        Cow::Borrowed(_) => public,
    }
}

/// A menu without the values of secret kernel parameters, if it has any.
fn without_parameters(menu: &[u8]) -> Option<Vec<u8>> {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'');
    let mut without = Vec::with_capacity(menu.len());
    for word in menu.split_inclusive(ends) {
        let (parameter, end) = match word.split_last() {
            Some((last, parameter)) if ends(last) => (parameter, Some(*last)),
            _ => (word, None),
        };
        let secret = std::str::from_utf8(parameter).ok().and_then(kernel_line::secret);
        without.extend_from_slice(secret.map_or(parameter, |secret| secret.shown.as_bytes()));
        without.extend(end);
    }
    (without.len() < menu.len()).then_some(without)
}

/// A kernel parameter. A secret value is hidden; the hash of a password is described.
pub(in crate::diff) fn parameter(parameter: &str) -> String {
    let Some(secret) = kernel_line::secret(parameter) else { return public_text(parameter) };
    let described = match secret.of {
        Credential::PasswordHash(_) => described_hash(secret.value),
        _ => None,
    };
    format!("{}{}", text(secret.shown), described.as_deref().unwrap_or(HIDDEN))
}

/// What may be said of a password's hash, unless that is what the text says already.
fn described_hash(value: &str) -> Option<String> {
    let is_described = value.starts_with(DESCRIBED_HASH) && value.ends_with(']');
    if is_described {
        return Some(value.to_owned());
    }
    let described = public_text(value);
    let is_hash = value.starts_with('$') && Scheme::of(value).is_some();
    (is_hash && described.starts_with(DESCRIBED_HASH) && described.ends_with(']')).then_some(described)
}

/// A text with hashes of store paths masked and secrets replaced by their descriptions.
pub(super) fn public_text(shown: &str) -> String {
    let masked = text(shown);
    String::from_utf8_lossy(&redacted(b"", masked.as_bytes())).into_owned()
}

/// A name as text. Bytes that are not UTF-8 are escaped, so that different names stay different.
pub(super) fn named(name: &[u8]) -> String {
    match std::str::from_utf8(name) {
        Ok(name) => name.to_owned(),
        Err(_) => name.escape_ascii().to_string(),
    }
}

/// A text with hashes of store paths masked.
pub(super) fn text(text: &str) -> String {
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
            (
                "systemd.set_credential=passwd.plaintext-password.root:hunter2pw",
                "systemd.set_credential=passwd.plaintext-password.root:…".to_owned(),
            ),
            (
                "systemd.set_credential_binary=passwd.plaintext-password.root:aHVudGVyMnB3",
                "systemd.set_credential_binary=passwd.plaintext-password.root:…".to_owned(),
            ),
            (
                "systemd.set_credential=firstboot.locale:C.UTF-8",
                "systemd.set_credential=firstboot.locale:C.UTF-8".to_owned(),
            ),
            ("init=/nix/store/g1nbmnqnx4gpnv32yprf4ql87ccg5035-f1", format!("init=/nix/store/{}-f1", "e".repeat(32))),
        ] {
            assert_eq!(parameter(given), kept);
            assert_eq!(parameter(&kept), kept, "it is masked once more when a manifest is read");
        }
        assert_eq!(parameter("live.nixos.passwd=[hunter2]"), "live.nixos.passwd=…");
        let hashed = parameter(&format!("live.nixos.passwordHash={hash}"));
        assert!(hashed.starts_with("live.nixos.passwordHash=[password-hash sha512 "), "{hashed}");
        assert_eq!(parameter(&hashed), hashed);
    }

    #[test]
    fn a_digest_of_a_file_says_nothing_of_a_password_in_it() {
        let users = |password: &str| format!("{{\"users\":[{{\"password\":\"{password}\"}}]}}");
        let menu = |password: &str| format!("linux /bzImage live.nixos.passwd={password} quiet\n");
        let json = "/x-users-groups.json";
        assert_eq!(public(json, users("hunter2").as_bytes()), public(json, users("letmein").as_bytes()));
        assert_eq!(public("/grub.cfg", menu("hunter2").as_bytes()), public("/grub.cfg", menu("letmein").as_bytes()));
        let credential = |password: &str| {
            format!("linux /bzImage systemd.set_credential=passwd.plaintext-password.root:{password} quiet\n")
        };
        let other = |password: &str| format!("append x wifi.psk={password}\r\nlive.nixos.passwd={password}");
        for text in [credential as fn(&str) -> String, other] {
            for path in ["/grub.cfg", "/loader/entries/nixos.conf"] {
                assert_eq!(public(path, text("x").as_bytes()), public(path, text("letmein").as_bytes()), "{path}");
            }
        }
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
