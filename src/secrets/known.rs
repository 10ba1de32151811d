//! Test keys that packages publish in self-tests, test suites and examples. They are recognized by their
//! contents, not by their paths: another key beside them is still found.

use std::collections::HashSet;
use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// SHA-256 digests in hexadecimal, one per line: of the decoded bytes of an armoured key, otherwise of the secret's text.
/// `benches/secrets` collects them from packages.
const KNOWN: &str = include_str!("known.txt");

static DIGESTS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| KNOWN.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect());

/// The SHA-256 of a secret in hexadecimal digits, and whether the secret is a well-known test key.
pub(super) fn digest(secret: &[u8]) -> (String, bool) {
    let digest = HEXLOWER.encode(&Sha256::digest(secret));
    let known = DIGESTS.contains(digest.as_str());
    (digest, known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_comment_or_a_digest_and_none_is_repeated() {
        let lines: Vec<&str> = KNOWN.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        assert!(lines.iter().all(|line| HEXLOWER.decode(line.as_bytes()).is_ok_and(|digest| digest.len() == 32)));
        assert_eq!(lines.len(), DIGESTS.len());
    }
}
