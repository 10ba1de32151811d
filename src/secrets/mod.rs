//! Secrets: private keys, passwords, hashes of passwords and tokens, which everybody reads who has the image.
//!
//! Every file of the store, of the disc and of the initrds is searched, as it comes out of decompression. What is found is told by
//! its sort and its place; the secret itself is never kept.

mod allow;
mod filter;
mod initrds;
mod known;
mod pem;
mod reading;
mod rules;
mod scanner;
mod whole;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::iter;

pub use allow::Allow;

use crate::error::{Result, Troubles};
use crate::image::Progress;
use crate::nixos::Disc;

/// Secrets that are told one by one.
const MOST: usize = 10_000;

/// A secret that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    /// The file, in the namespace of the image; one in an initrd behind the initrd's own path and a blank.
    pub path: Vec<u8>,
    /// Its first byte in the file.
    pub offset: u64,
    /// Its line, counted from 1; none in a file that is no text.
    pub line: Option<u64>,
    /// What sort of secret: `private-key`, `password-hash`.
    pub kind: &'static str,
    /// What it is more exactly: `OPENSSH PRIVATE KEY`, `sha512`.
    pub what: String,
    /// The first digits of the SHA-256 of the secret, where nobody could guess the secret by them: two places that have the same
    /// are of the same secret.
    pub fingerprint: Option<String>,
}

/// What a search came to.
#[derive(Debug, Default)]
pub struct Report {
    /// The secrets, by path and place: the first ten thousand.
    pub secrets: Vec<Secret>,
    /// Secrets beyond those.
    pub further: usize,
    /// Places of keys that are no secret: they are for tests, and known to everybody.
    pub known: usize,
    /// Secrets in files that may hold some.
    pub allowed: usize,
    /// Globs that allow nothing that was found: what they were for is no longer there, or elsewhere.
    pub unused: Vec<String>,
    /// Files that were searched.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What could not be searched, and why.
    pub troubles: Troubles,
}

/// Searches a disc. `progress` hears how many bytes of files are searched.
///
/// # Errors
/// Where its tree cannot be walked at all; what is broken deeper is among the troubles of the report.
pub fn scan(disc: &Disc<'_>, allow: &Allow, progress: Progress<'_>) -> Result<Report> {
    let mut report = reading::run(disc, progress)?;
    let (before, mut used) = (report.secrets.len(), Vec::new());
    report.secrets.retain(|secret| {
        let globs = allow.matches(&secret.path);
        let denied = globs.is_empty();
        used.extend(globs);
        denied
    });
    report.allowed = before - report.secrets.len();
    report.unused = allow.others(&used);
    report.secrets.sort();
    report.secrets.dedup();
    report.further += report.secrets.len().saturating_sub(MOST);
    report.secrets.truncate(MOST);
    Ok(report)
}

/// The contents of the file at `path`, of which somebody may learn a digest: where a secret is in them that could be found by its
/// digest, such as a password in clear text, all secrets are replaced by what they are.
#[must_use]
pub fn without_guessable<'b>(path: &[u8], contents: &'b [u8]) -> Cow<'b, [u8]> {
    let of = rules::FileKind::of(iter::once(path));
    let mut room = Vec::new();
    let sightings = scanner::Scanner::new(of, &mut room).finish(contents);
    match sightings.iter().any(|sighting| sighting.fingerprint.is_none()) {
        true => redacted(path, contents),
        false => Cow::Borrowed(contents),
    }
}

/// The contents of the file at `path` with what is secret in them replaced by what it is, in brackets. Keys that everybody knows
/// stay.
#[must_use]
pub fn redacted<'b>(path: &[u8], contents: &'b [u8]) -> Cow<'b, [u8]> {
    let mut room = Vec::new();
    let of = rules::FileKind::of(iter::once(path));
    let mut sightings = scanner::Scanner::new(of, &mut room).finish(contents);
    sightings.retain(|sighting| !sighting.known);
    sightings.sort_by_key(|sighting| sighting.offset);
    if sightings.is_empty() {
        return Cow::Borrowed(contents);
    }
    let (mut text, mut from) = (Vec::new(), 0);
    for sighting in sightings {
        let start = usize::try_from(sighting.offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(sighting.length);
        if start < from {
            continue;
        }
        text.extend_from_slice(contents.get(from..start).unwrap_or_default());
        let digits = sighting.fingerprint.map(|digits| format!(" {digits}")).unwrap_or_default();
        text.extend_from_slice(format!("[{} {}{digits}]", sighting.kind, sighting.what).as_bytes());
        from = end.min(contents.len());
    }
    text.extend_from_slice(contents.get(from..).unwrap_or_default());
    Cow::Owned(text)
}
