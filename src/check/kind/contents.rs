//! What a file contains: its digest, texts and patterns, all read in one pass.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use data_encoding::HEXLOWER;
use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};
use sha2::{Digest, Sha256};

use super::File;
use crate::error::{Error, Place, Result};
use crate::fs::path::Found;
use crate::fs::{Tree, digest};
use crate::image::platform::OsStrExt;

/// Limit for a file that a regular expression is matched against, in bytes. Files of configuration are far smaller.
const LONGEST_MATCHED: usize = 16 << 20;

/// A regular expression.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Reads a regular expression. `^` and `$` match at the ends of lines.
    ///
    /// # Errors
    /// If it is malformed, or too large.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let built = RegexBuilder::new(text).unicode(false).multi_line(true).build();
        built.map(Self).map_err(|error| {
            let message = error.to_string();
            let reason = message.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
            format!("{text:?} is not a regular expression: {reason}")
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str())
    }
}

/// A text that is looked for in the parts of a file.
struct Needle<'n> {
    finder: Finder<'n>,
    /// The end of the previous part, where the text may have begun.
    window: Vec<u8>,
    found: bool,
}

impl<'n> Needle<'n> {
    fn new(text: &'n str) -> Self {
        Self { finder: Finder::new(text), window: Vec::new(), found: false }
    }

    fn take(&mut self, part: &[u8]) {
        if self.found {
            return;
        }
        self.window.extend_from_slice(part);
        self.found = self.finder.find(&self.window).is_some();
        let kept = self.finder.needle().len().saturating_sub(1);
        self.window.drain(..self.window.len().saturating_sub(kept));
    }
}

/// What is wrong with the contents of a file, in words.
pub(super) fn wrong(tree: &dyn Tree, found: &Found, wanted: &File) -> Result<Vec<String>> {
    let mut digest = wanted.sha256.map(|_| Sha256::new());
    let [mut contained, mut refused] =
        [&wanted.contains, &wanted.not_contains].map(|text| text.as_deref().map(Needle::new));
    let (mut whole, mut too_long) = (Vec::new(), false);
    let failed = |error| Error::from_read(error, Path::new(OsStr::from_bytes(&found.path)));
    digest::parts(&mut *tree.open(found.id)?, &mut |part| {
        digest.iter_mut().for_each(|digest| digest.update(part));
        contained.iter_mut().chain(&mut refused).for_each(|needle| needle.take(part));
        if wanted.matches.is_some() {
            too_long |= whole.len() + part.len() > LONGEST_MATCHED;
            if !too_long {
                whole.extend_from_slice(part);
            }
        }
    })
    .map_err(failed)?;
    if too_long {
        let what = "length of a file that is matched, 16 MiB";
        return Err(Error::Limit { what, place: Place::File(found.path.clone()) });
    }
    let mut wrong = Vec::new();
    let digest: Option<[u8; 32]> = digest.map(|digest| digest.finalize().into());
    if let Some(digest) = digest.filter(|digest| Some(*digest) != wanted.sha256) {
        wrong.push(format!("its SHA-256 is {}", HEXLOWER.encode(&digest)));
    }
    if let Some(text) = wanted.contains.as_ref().filter(|_| contained.is_some_and(|needle| !needle.found)) {
        wrong.push(format!("it does not contain {text:?}"));
    }
    if let Some(text) = wanted.not_contains.as_ref().filter(|_| refused.is_some_and(|needle| needle.found)) {
        wrong.push(format!("it contains {text:?}"));
    }
    if let Some(pattern) = wanted.matches.as_ref().filter(|pattern| !pattern.0.is_match(&whole)) {
        wrong.push(format!("it does not match {:?}", pattern.to_string()));
    }
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_across_the_parts_of_a_file() {
        for (parts, found) in [
            (&["abc", "def"][..], true),
            (&["ab", "c", "d"], true),
            (&["abccd"], false),
            (&["abc", "", "xcd"], false),
            (&["ab", "cd"], true),
        ] {
            let mut needle = Needle::new("bcd");
            parts.iter().for_each(|part| needle.take(part.as_bytes()));
            assert_eq!(needle.found, found, "{parts:?}");
        }
    }

    #[test]
    fn a_pattern_matches_lines_and_a_malformed_one_is_refused_with_its_reason() {
        let pattern = Pattern::parse("^PermitRootLogin +(no|prohibit-password)$").unwrap();
        assert!(pattern.0.is_match(b"Port 22\nPermitRootLogin no\nX y\n"));
        assert!(!pattern.0.is_match(b"#PermitRootLogin no\n"));
        assert_eq!(Pattern::parse("a(b").unwrap_err(), "\"a(b\" is not a regular expression: unclosed group");
    }
}
