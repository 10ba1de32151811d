//! Hash parts of store paths, which differ with every build.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::bytes::Regex;

/// A store path's hash part, in the alphabet of Nix.
static HASH: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?-u)(nix/store/)[0-9a-df-np-sv-z]{32}-").ok());

/// Bytes with the hash parts of their store paths masked: `e` is no letter of theirs.
pub(in crate::diff) fn masked(bytes: &[u8]) -> Cow<'_, [u8]> {
    match &*HASH {
        Some(hash) => hash.replace_all(bytes, &b"${1}eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-"[..]),
        None => Cow::Borrowed(bytes),
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
