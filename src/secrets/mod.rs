//! Secrets: private keys, passwords, password hashes and tokens. Anyone who has the image can read them.
//!
//! Every file of the store, of the disc and of the initrds is searched as it is decompressed. A finding has a kind and a place; the
//! secret itself is never kept.

mod allow;
mod filter;
mod initrds;
mod known;
mod logins;
mod luks;
mod pem;
mod reading;
mod rules;
mod scanner;
mod subject;
mod whole;

#[cfg(test)]
mod planted;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::iter;

pub use allow::Allow;
pub use subject::Subject;

use crate::error::{Result, Troubles};
use crate::image::Progress;
use crate::nixos::Disc;

/// The kinds of secrets.
pub const KINDS: [&str; 5] = ["private-key", "password", "password-hash", "wifi-password", "token"];

/// Limit for listed secrets.
const MOST: usize = 10_000;

/// A secret in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    /// The path in the image's namespace. In an initrd: the initrd's path, a blank, and the path inside.
    pub path: Vec<u8>,
    /// Its first byte in the file.
    pub offset: u64,
    /// Its line, counted from 1. `None` if the file is not text.
    pub line: Option<u64>,
    /// The kind of secret, one of [`KINDS`].
    pub kind: &'static str,
    /// What exactly it is: `OPENSSH PRIVATE KEY`, `sha512`.
    pub what: String,
    /// Whose it is, or what it opens. `None` if the text around it does not say.
    pub subject: Option<Subject>,
    /// The first digits of its SHA-256, by which equal secrets are recognized. `None` if the secret could be guessed from them.
    pub fingerprint: Option<String>,
}

impl Secret {
    /// What it is, and whose: `of user bob`, `sha512 of user root`.
    #[must_use]
    pub fn description(&self) -> String {
        let Some(subject) = &self.subject else { return self.what.clone() };
        let (kind, name) = (subject.kind(), subject.name());
        match self.what.as_str() {
            "of a user" | "of a network" => format!("of {kind} {name}"),
            "in a variable" => format!("in variable {name}"),
            what => format!("{what} of {kind} {name}"),
        }
    }
}

/// The result of a search.
#[derive(Debug, Default)]
pub struct Report {
    /// The secrets, sorted by path and offset: the first ten thousand.
    pub secrets: Vec<Secret>,
    /// How many more there are.
    pub further: usize,
    /// Places with well-known test keys, and keys in the documentation of packages.
    pub known: usize,
    /// Secrets in allowed files.
    pub allowed: usize,
    /// Globs that matched nothing.
    pub unused: Vec<String>,
    /// Files that were searched.
    pub files: u64,
    /// The size of these files in bytes.
    pub bytes: u64,
    /// What could not be searched, and why.
    pub troubles: Troubles,
}

/// Searches a disc. `progress` receives the number of bytes searched so far.
///
/// # Errors
/// If the tree cannot be walked at all. Damage deeper down is among the troubles of the report.
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

/// The contents of the file at `path`, safe to publish a digest of. If they contain a secret that the digest would give away, such
/// as a password in clear text, every secret is replaced by a description.
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

/// The contents of the file at `path`, with every secret replaced by a description in brackets. Well-known test keys stay.
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
