//! Store paths: `/nix/store/<digest>-<name>`.

use std::borrow::Borrow;
use std::fmt;

use super::nix32;

/// Path of the store on every NixOS image.
pub const STORE: &str = "/nix/store";

/// Nix32 digits of the digest.
const DIGEST: usize = 32;

/// Longest name, in bytes (Nix, `libstore/path.cc`).
const LONGEST_NAME: usize = 211;

/// A store path, kept as its base name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePath(Box<str>);

impl StorePath {
    /// Parses a base name, `<digest>-<name>`.
    #[must_use]
    pub fn from_base(base: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(base).ok()?;
        let (digest, name) = text.split_at_checked(DIGEST)?;
        let name = name.strip_prefix('-')?;
        let right = digest.bytes().all(nix32::is_digit)
            && (1..=LONGEST_NAME).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._?=".contains(&byte))
            && !matches!(name, "." | "..")
            && !name.starts_with(".-")
            && !name.starts_with("..-");
        right.then(|| Self(text.into()))
    }

    /// Parses a full path, `/nix/store/<digest>-<name>`, with nothing after it.
    #[must_use]
    pub fn from_path(path: &[u8]) -> Option<Self> {
        Self::from_base(path.strip_prefix(STORE.as_bytes())?.strip_prefix(b"/")?)
    }

    /// The store path that contains `path`, and the rest of `path` after it: empty, or beginning with `/`.
    #[must_use]
    pub fn containing(path: &[u8]) -> Option<(Self, &[u8])> {
        let inside = path.strip_prefix(STORE.as_bytes())?.strip_prefix(b"/")?;
        let end = inside.iter().position(|&byte| byte == b'/').unwrap_or(inside.len());
        let (base, rest) = inside.split_at_checked(end)?;
        Some((Self::from_base(base)?, rest))
    }

    /// `<digest>-<name>`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.0
    }

    /// The 32 digits before the name. Files that refer to the path contain them.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.0.get(..DIGEST).unwrap_or_default()
    }

    /// The part after the digest.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.get(DIGEST + 1..).unwrap_or_default()
    }
}

/// By its base name, so that maps of store paths can be looked up by text.
impl Borrow<str> for StorePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StorePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{STORE}/{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: &str = "g1nbmnqnx4gpnv32yprf4ql87ccg5035";

    #[test]
    fn the_grammar_of_nix_is_kept() {
        for (name, right) in [
            ("-f1", true),
            ("-gtk+3.24_a?b=c", true),
            ("-.hidden", true),
            ("-.", false),
            ("-..", false),
            ("-.-x", false),
            ("-..-x", false),
            ("-", false),
            ("", false),
            ("-a b", false),
            ("-é", false),
        ] {
            assert_eq!(StorePath::from_base(format!("{DIGITS}{name}").as_bytes()).is_some(), right, "{name}");
        }
        assert!(StorePath::from_base(format!("{}-x", "e".repeat(32)).as_bytes()).is_none());
        assert!(StorePath::from_base(format!("{DIGITS}-{}", "x".repeat(211)).as_bytes()).is_some());
        assert!(StorePath::from_base(format!("{DIGITS}-{}", "x".repeat(212)).as_bytes()).is_none());
    }

    #[test]
    fn a_path_inside_a_store_path_is_taken_apart() {
        let path = format!("/nix/store/{DIGITS}-f1/bin/x");
        let (store_path, rest) = StorePath::containing(path.as_bytes()).unwrap();
        assert_eq!((store_path.name(), rest), ("f1", &b"/bin/x"[..]));
        assert_eq!(store_path.to_string(), format!("/nix/store/{DIGITS}-f1"));
        assert!(StorePath::containing(b"/nix/store").is_none());
    }
}
